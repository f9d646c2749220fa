"""A strategy: `patient`, which asks like `bridge` and thanks the model beforehand."""

from __future__ import annotations

from msgspec.structs import replace
from toolgate_core.strategies import bridge
from toolgate_core.strategies.base import StrategySpec, Transform, Transformed
from toolgate_core.types.messages import text_message
from toolgate_core.types.vocabulary import Strategy


def transform(effect: Transform) -> Transformed:
    """Return the request of `bridge`, with a word of thanks in front."""
    written = bridge.transform(effect)
    messages = (text_message("system", "Thank you."), *written.request.messages)
    return replace(written, request=written.request.change(messages=messages))


PATIENT = StrategySpec(
    strategy=Strategy("patient"),
    transform=transform,
    native_tools=False,
    grammar="if_possible",
    sends_constraints=False,
    serves_none=True,
)
