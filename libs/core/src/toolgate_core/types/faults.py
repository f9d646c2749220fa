"""A fault: what the model did wrong. It is data: the ladder decides on it, and a retry quotes it to the model."""

from __future__ import annotations

from msgspec import Struct

from toolgate_core.types.vocabulary import Reason


class Fault(Struct, frozen=True):
    """One thing that is wrong with an answer.

    `detail` is one or two sentences in English that a model can act on; they name tool and field, never more of the
    text than is needed. `raw` is what the model wrote (bounded), so that a retry can show it its own answer.
    """

    reason: Reason
    detail: str
    raw: str = ""
