"""`tool_choice` in all its forms."""

from __future__ import annotations

from toolgate_core.jsontext import JsonValue
from toolgate_core.schema.toolset import Toolset
from toolgate_core.types.errors import RequestError
from toolgate_core.types.requests import ToolChoice

_PARAM = "tool_choice"
_AUTO = ToolChoice("auto")
_MODES = {"none": ToolChoice("none"), "auto": _AUTO, "required": ToolChoice("required")}


def parse_choice(choice: JsonValue, toolset: Toolset) -> ToolChoice:
    """Return what the client allows; absent means `auto`. Raises `RequestError` with param `tool_choice`."""
    if choice is None:
        return _AUTO
    if isinstance(choice, str):
        if choice not in _MODES:
            raise _invalid(f"'{choice:.64}' is not one of 'none', 'auto' and 'required'")
        return _MODES[choice]
    if not isinstance(choice, dict):
        raise _invalid("it must be a string or an object")
    kind = choice.get("type")
    if kind == "function":
        return ToolChoice("named", name=_declared(choice.get("function"), toolset))
    if kind == "allowed_tools":
        return _allowed(choice.get("allowed_tools"), toolset)
    if kind == "custom":
        raise _invalid("custom tools are not supported")
    raise _invalid("its type must be 'function' or 'allowed_tools'")


def _allowed(allowed: JsonValue, toolset: Toolset) -> ToolChoice:
    if not isinstance(allowed, dict) or not isinstance(allowed.get("tools"), list) or not allowed["tools"]:
        raise _invalid("allowed_tools.tools must list at least one tool")
    mode = allowed.get("mode")
    if mode not in ("auto", "required"):
        raise _invalid("allowed_tools.mode must be 'auto' or 'required'")
    names: set[str] = set()
    for entry in allowed["tools"]:  # type: ignore[union-attr]  # a list, as checked above
        if not isinstance(entry, dict) or entry.get("type") != "function":
            raise _invalid("allowed_tools.tools must contain only objects of type 'function'")
        names.add(_declared(entry.get("function"), toolset))
    return ToolChoice("auto" if mode == "auto" else "required", allowed=frozenset(names))


def _declared(function: JsonValue, toolset: Toolset) -> str:
    name = function.get("name") if isinstance(function, dict) else None
    if not isinstance(name, str):
        raise _invalid("function.name is missing")
    if toolset.get(name) is None:
        raise RequestError(f"Tool choice '{name:.64}' not found in 'tools' parameter.", param=_PARAM)
    return name


def _invalid(why: str) -> RequestError:
    return RequestError(f"Invalid value for 'tool_choice': {why}.", param=_PARAM, code="invalid_value")
