"""Settling: the only way for a call to become deliverable, the same for native and extracted calls.

The name is resolved to a declared tool, the arguments are read (leniently where needed), coerced and validated. The
result is a `Settled` call or a `Fault`, never an exception and never a guess.
"""

from __future__ import annotations

from msgspec import Struct

from toolgate_core.jsontext import JsonTextError, JsonValue, decode, encode_str
from toolgate_core.limits import MAX_ARGUMENTS
from toolgate_core.nesting import deeper_than
from toolgate_core.schema.coerce import coerce
from toolgate_core.schema.relaxed import MAX_DEPTH, relax
from toolgate_core.schema.toolset import Tool, Toolset
from toolgate_core.types.faults import Fault
from toolgate_core.types.requests import ToolChoice
from toolgate_core.types.vocabulary import AttemptOutcome

# Bounds on what a fault quotes: characters of the arguments, tools that it lists, characters of the wrong name. A fault
# is sent to the client and back to the model.
_MAX_RAW = 4_000
_MAX_NAMES = 20
_MAX_NAME = 80


class Settled(Struct, frozen=True):
    """A call that may be delivered.

    Attributes:
        name: a declared tool's name.
        arguments: the JSON text of an object that the tool's schema accepts: the model's own text where it is valid.
            Key order and integers of any size are always kept.
        repairs: the tags of what was repaired, in order.
    """

    name: str
    arguments: str
    repairs: tuple[str, ...] = ()


def settle(
    name: str, arguments_text: str, toolset: Toolset, choice: ToolChoice, *, close: bool = False
) -> Settled | Fault:
    """Return the deliverable call, or what is wrong with it.

    `arguments_text` is the JSON of an object, as written by the model; empty and `null` mean no arguments. `close`:
    brackets that are missing at the end can be added, because the model ended the text itself.
    """
    tool, tags = toolset.resolve(name)
    if tool is None:
        return _unknown(name, arguments_text, toolset)
    # The name is known but forbidden in this turn, so that nothing has to be repaired.
    if not choice.permits(tool.definition.name):
        detail = f"{tool.definition.name} must not be called in this turn."
        return Fault(AttemptOutcome.NO_TOOL_CALL, detail, arguments_text[:_MAX_RAW])
    text = arguments_text.strip()
    # Models leave the arguments empty for a tool without parameters.
    if text in ("", "null"):
        text = "{}"
    # Limits come before reading: decoding and validating are native calls that nothing interrupts.
    fault = _limit_fault(tool, text)
    if fault:
        return fault
    try:
        value = decode(text)
    except JsonTextError as error:
        # Strict JSON comes first, since almost every call is; the lenient reader is slower and written in Python.
        relaxed = relax(text, close=close)
        if relaxed is None:
            return _unreadable(tool, text, f"the arguments are not valid JSON ({error})")
        return _settle_changed(tool, text, *relaxed, tags)
    # The model's own text is delivered, so that numbers of any size and the order of keys stay.
    if tool.valid(value):
        return Settled(tool.definition.name, text, tags)
    return _settle_changed(tool, text, value, (), tags)


def _settle_changed(
    tool: Tool, text: str, value: JsonValue, read_tags: tuple[str, ...], tags: tuple[str, ...]
) -> Settled | Fault:
    """Settle arguments that cannot be sent as the model wrote them."""
    value, unwrapped = _unwrap(value)
    if not isinstance(value, dict):
        return _unreadable(tool, text, "the arguments must be one JSON object")
    coerced, changes = coerce(value, tool.parameters, tool.parameters)
    violations = tool.violations(coerced)
    if violations:
        rules = "; ".join(violation.message for violation in violations)
        return Fault(AttemptOutcome.SCHEMA_INVALID, f"{tool.definition.name}: {rules}.", text[:_MAX_RAW])
    arguments = encode_str(coerced)
    # Coercion can put objects out of strings inside each other, so that the result can be too deep.
    return _limit_fault(tool, arguments) or Settled(
        tool.definition.name, arguments, (*tags, *read_tags, *unwrapped, *changes)
    )


def _unwrap(value: JsonValue) -> tuple[JsonValue, tuple[str, ...]]:
    """Return the object inside a JSON string that contains one, and the tags of reading it."""
    # Some models encode the arguments twice, as a JSON string inside the JSON.
    if not isinstance(value, str) or not value.lstrip().startswith("{") or deeper_than(value, MAX_DEPTH):
        return value, ()
    try:
        return decode(value.strip()), ("json_string_to_object",)
    except JsonTextError:
        relaxed = relax(value)
        return (relaxed[0], ("json_string_to_object", *relaxed[1])) if relaxed else (value, ())


def _limit_fault(tool: Tool, text: str) -> Fault | None:
    if len(text) > MAX_ARGUMENTS:
        return _unreadable(tool, text, f"the arguments are longer than {MAX_ARGUMENTS} characters")
    if deeper_than(text, MAX_DEPTH):
        return _unreadable(tool, text, f"the arguments are nested more than {MAX_DEPTH} levels deep")
    return None


def _unreadable(tool: Tool, text: str, what: str) -> Fault:
    return Fault(AttemptOutcome.PARSE_ERROR, f"{tool.definition.name}: {what}.", text[:_MAX_RAW])


def _unknown(name: str, text: str, toolset: Toolset) -> Fault:
    names = ", ".join(toolset.names[:_MAX_NAMES]) or "none"
    more = ", …" if len(toolset.names) > _MAX_NAMES else ""
    detail = f'There is no tool named "{name[:_MAX_NAME]}". The tools are: {names}{more}.'
    return Fault(AttemptOutcome.UNKNOWN_TOOL, detail, text[:_MAX_RAW])
