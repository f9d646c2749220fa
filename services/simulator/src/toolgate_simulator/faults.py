"""The error objects of vLLM 0.32, and the list of faults that its validation prints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from toolgate_simulator.values import Json

_MOST_FAULTS = 10
_MOST_INPUT = 200
_MOST_FAULT = 1_000


class RefusedError(Exception):
    """A request is answered with an error: an HTTP status, vLLM's type for it, and the field at fault.

    Attributes:
        status: the HTTP status.
        body: the error object.
        late: the engine found the fault, not the server before it: a streamed request has its headers by then, and the
            error comes as the stream's only event.
    """

    def __init__(
        self,
        message: str,
        *,
        param: str | None = None,
        status: int = 400,
        kind: str = "BadRequestError",
        late: bool = False,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.late = late
        self.body: Json = {"error": {"message": message, "type": kind, "param": param, "code": status}}


def invalid(message: str, parameter: str, value: Any = None) -> RefusedError:
    """Return a refusal of one parameter, which vLLM names after the message, with its value where it matters."""
    named = f"parameter={parameter}" + ("" if value is None else f", value={value}")
    return RefusedError(f"{message} ({named})", param=parameter)


def internal(message: str, *, late: bool = True) -> RefusedError:
    """Return the failure of an engine."""
    return RefusedError(message, status=500, kind="InternalServerError", late=late)


def fault(kind: str, place: str, message: str, value: Any, context: Mapping[str, Any] | None = None) -> Json:
    """Return one fault as the validation prints it: kind, place, message, the value, and what was expected."""
    found: Json = {"type": kind, "loc": place, "msg": message, "input": _shown(value)}
    return found if context is None else {**found, "ctx": dict(context)}


def literal(place: str, expected: str, value: Any) -> Json:
    """Return the fault of a value that is none of a few words; `expected` lists them, quoted."""
    return fault("literal_error", place, f"Input should be {expected}", value, {"expected": expected})


def missing(place: str, value: Any) -> Json:
    """Return the fault of a field that is not there; `value` is the object that lacks it."""
    return fault("missing", place, "Field required", value)


def no_object(place: str, value: Any) -> Json:
    """Return the fault of a value that should be an object."""
    message = "Input should be a valid dictionary or object to extract fields from"
    return fault("model_attributes_type", place, message, value)


def refuse(faults: Sequence[Json], param: str | None = None) -> NoReturn:
    """Raise the refusal of a body with these faults."""
    lines = [_cut(str(one), _MOST_FAULT) for one in faults[:_MOST_FAULTS]]
    left = len(faults) - len(lines)
    label = "error" if len(faults) == 1 else "errors"
    lines += [f"...and {left} more {label}"] if left else []
    message = "\n  ".join([f"{len(faults)} validation {label}:", *lines])
    raise RefusedError(message, param=param or faults[0]["loc"], kind="Bad Request")


def _shown(value: Any) -> str:
    """Return a value as an error quotes it: short, and of an object or list only its size."""
    if isinstance(value, (list, dict)):
        return f"<{type(value).__name__} of {len(value)} items>"
    try:
        return _cut(str(value), _MOST_INPUT)
    except ValueError:
        return f"<{type(value).__name__}>"


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most]}...[truncated]"
