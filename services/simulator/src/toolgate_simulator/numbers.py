"""The numbers of a request: their types as pydantic checks them, their bounds as vLLM does."""

from __future__ import annotations

from typing import Any

from toolgate_simulator.faults import RefusedError, fault, invalid, refuse
from toolgate_simulator.values import Json

_WHOLE = ("n", "max_tokens", "max_completion_tokens", "seed", "top_k", "min_tokens", "top_logprobs")
_REAL = ("temperature", "top_p", "min_p", "frequency_penalty", "presence_penalty", "repetition_penalty")


def check_numbers(body: Json, max_model_len: int) -> None:
    """Raise `RefusedError` where a number of the request is none, or out of its bounds."""
    wrong = [found for key in _WHOLE if (found := _no_integer(key, body.get(key)))]
    wrong += [found for key in _REAL if (found := _no_number(key, body.get(key)))]
    if wrong:
        refuse(wrong)
    given = {key: _number(body[key]) for key in (*_WHOLE, *_REAL) if body.get(key) is not None}
    _check_counts(given, max_model_len)
    _check_sampling(given)
    _check_logprobs(given, body)


def _no_integer(key: str, value: Any) -> Json | None:
    place = f"body.{key}"
    if value is None or isinstance(value, int):
        return None
    if isinstance(value, str):
        message = "Input should be a valid integer, unable to parse string as an integer"
        return None if value.strip().lstrip("+-").isdigit() else fault("int_parsing", place, message, value)
    if isinstance(value, float):
        message = "Input should be a valid integer, got a number with a fractional part"
        return None if value.is_integer() else fault("int_from_float", place, message, value)
    return fault("int_type", place, "Input should be a valid integer", value)


def _no_number(key: str, value: Any) -> Json | None:
    place = f"body.{key}"
    if value is None or isinstance(value, (int, float)):
        return None
    if not isinstance(value, str):
        return fault("float_type", place, "Input should be a valid number", value)
    try:
        float(value)
    except ValueError:
        message = "Input should be a valid number, unable to parse string as a number"
        return fault("float_parsing", place, message, value)
    return None


def _number(value: Any) -> float:
    return float(value)


def _check_counts(given: dict[str, float], max_model_len: int) -> None:
    if "n" in given and given["n"] < 1:
        raise RefusedError(f"n must be at least 1, got {int(given['n'])}.")
    most = given.get("max_completion_tokens", given.get("max_tokens"))
    if most is not None and most < 1:
        raise invalid(f"max_tokens must be at least 1, got {int(most)}.", "max_tokens", int(most))
    if most is not None and most > max_model_len:
        message = f"max_tokens={int(most)} cannot be greater than max_model_len={max_model_len}."
        raise invalid(f"{message} Please request fewer output tokens.", "max_tokens", int(most))


def _check_sampling(given: dict[str, float]) -> None:
    for key in ("presence_penalty", "frequency_penalty"):
        if not -2 <= given.get(key, 0) <= 2:
            raise RefusedError(f"{key} must be in [-2, 2], got {given[key]}.")
    if given.get("repetition_penalty", 1) <= 0:
        raise RefusedError(f"repetition_penalty must be greater than zero, got {given['repetition_penalty']}.")
    heat = given.get("temperature", 0)
    if not 0 <= heat <= 2:
        message = "be non-negative" if heat < 0 else "be in [0, 2]"
        raise invalid(f"temperature must {message}, got {heat}.", "temperature", heat)
    if not 0 < given.get("top_p", 1) <= 1:
        raise invalid(f"top_p must be in (0, 1], got {given['top_p']}.", "top_p", given["top_p"])
    if given.get("top_k", 0) < -1:
        raise RefusedError(f"top_k must be 0 (disable), or at least 1, got {int(given['top_k'])}.")
    if not 0 <= given.get("min_p", 0) <= 1:
        raise RefusedError(f"min_p must be in [0, 1], got {given['min_p']}.")


def _check_logprobs(given: dict[str, float], body: Json) -> None:
    many = int(given.get("top_logprobs", 0))
    if many and not body.get("logprobs"):
        raise invalid("when using `top_logprobs`, `logprobs` must be set to true.", "top_logprobs")
    if many > 20:
        raise invalid(f"Requested sample logprobs of {many}, which is greater than max allowed: 20", "logprobs", many)
