"""Arithmetic on an expression that a model wrote, in a sandboxed interpreter.

The expression runs in a worker process of pydantic-monty: an interpreter without files, network or environment, with
limits on time, memory and depth. It is read by `eval`, so nothing but one expression is taken. The result becomes JSON
*inside* the sandbox, because a small shared list can be gigabytes once written out; only bounded text comes back.
"""

from __future__ import annotations

import ast
import asyncio
from concurrent.futures import ThreadPoolExecutor
from difflib import get_close_matches
from threading import Lock
from typing import ClassVar

from pydantic import Field
from pydantic_monty import (
    CollectString,
    Monty,
    MontyCrashedError,
    MontyError,
    MontySyntaxError,
    ResourceLimits,
)
from toolgate_core.jsontext import JsonObject, JsonTextError, JsonValue, decode, encode_str

from toolgate_tool_executor.notation import grouped_digits, hint_for, normalise
from toolgate_tool_executor.tools.base import KIB, Arguments, Tool, ToolError

_LIMITS = ResourceLimits(max_feed_duration_secs=1.0, max_memory=32 * KIB * KIB, max_recursion_depth=200)
_MAX_CHARS = 4000
_EXACT = 2**53
_WORKERS = 4

_MATH_NAMES = (
    "acos", "acosh", "asin", "asinh", "atan", "atan2", "atanh", "cbrt", "ceil", "comb", "copysign", "cos", "cosh",
    "degrees", "dist", "e", "erf", "erfc", "exp", "exp2", "expm1", "fabs", "factorial", "floor", "fmod", "fsum",
    "gamma", "gcd", "hypot", "inf", "isclose", "isqrt", "lcm", "ldexp", "lgamma", "log", "log10", "log1p", "log2",
    "nan", "perm", "pi", "prod", "radians", "sin", "sinh", "sqrt", "tan", "tanh", "tau", "trunc",
)  # fmt: skip
_BUILTINS = (
    "abs", "bool", "divmod", "float", "int", "len", "max", "min", "pow", "range", "round", "sorted", "sum",
)  # fmt: skip
_NAMES = (*_MATH_NAMES, *_BUILTINS, "ln", "Decimal", "math")

# `round` as CPython does it: the sandbox's own rounds the decimal text's neighbour (2.675 to 2.68).
# Integers above 2**53 leave as text, because a reader of JSON may hold numbers in doubles.
_PREAMBLE = f"""
import json, math
from decimal import Decimal
from math import {", ".join(_MATH_NAMES)}
ln = log
_round = round
def round(number, ndigits=None):
    if ndigits is None:
        return _round(number)
    if ndigits >= 0 and isinstance(number, float):
        return float(f"{{number:.{{ndigits}}f}}")
    return _round(number, ndigits)
def _finite(number):
    if number != number or number in (inf, -inf):
        raise OverflowError("not a finite number")
    return number
def _plain(value):
    if value is None:
        raise TypeError("the expression has no value")
    if isinstance(value, (bool, str)):
        return value
    if isinstance(value, int):
        return value if -{_EXACT} <= value <= {_EXACT} else str(value)
    if isinstance(value, float):
        return _finite(value)
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, (list, tuple, set, range)):
        return [_plain(item) for item in value]
    raise TypeError("the result is not a number, a text or a list of them")
def _answer(value):
    text = json.dumps(_plain(value))
    if len(text) > {_MAX_CHARS}:
        raise MemoryError("result too long")
    return text
"""
_RUN = f"{_PREAMBLE}_answer(eval(_expression))\n"


class CalculatorArguments(Arguments):
    """The arguments of the calculator."""

    expression: str = Field(
        min_length=1,
        max_length=1000,
        description="One arithmetic expression in Python notation, for example (17*23)/4 or sqrt(2)*pi. ^ is a power.",
        examples=["(17*23)/4"],
    )


class Calculator(Tool[CalculatorArguments]):
    """Evaluates one expression: `{"value": …, "display": "…"}`, `display` with 15 significant digits."""

    name: ClassVar[str] = "calculator"
    description: ClassVar[str] = (
        "Evaluate an arithmetic expression exactly. Knows + - * / // % ** and comparisons, the functions of Python's "
        "math module (angles in radians, log is natural, log10 and log2 exist), abs, min, max, sum, round, and Decimal."
    )
    arguments: ClassVar[type[Arguments]] = CalculatorArguments
    timeout_s: ClassVar[float] = 3.0
    max_output_bytes: ClassVar[int] = 3 * _MAX_CHARS * 4

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_WORKERS * 4, thread_name_prefix="calculator")
        self._opening = Lock()
        self._pool: Monty | None = None

    async def run(self, arguments: CalculatorArguments) -> JsonValue:
        """Return value and display; raise `ToolError`."""
        expression = _prepared(arguments.expression)
        # threads and the blocking pool, since the async pool aborts the process at exit now and then
        text = await asyncio.get_running_loop().run_in_executor(self._threads, self._evaluate, expression)
        return _result(text)

    async def aclose(self) -> None:
        """End the workers; an expression that is still running ends within its own limit."""
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        self._threads.shutdown(wait=True, cancel_futures=True)
        with self._opening:
            pool, self._pool = self._pool, None
            if pool is not None:
                pool.__exit__(None, None, None)

    def _workers(self) -> Monty:
        with self._opening:
            if self._pool is None:
                self._pool = Monty(
                    max_processes=_WORKERS, checkout_timeout=0.5, request_timeout=2, max_checkouts_per_worker=200
                ).__enter__()
            return self._pool

    def _evaluate(self, expression: str) -> str:
        try:
            with self._workers().checkout(limits=_LIMITS) as session:
                answer = session.feed_run(
                    _RUN, inputs={"_expression": expression}, print_callback=CollectString(_MAX_CHARS)
                )
        except TimeoutError as error:
            raise ToolError("busy", "every calculator is busy", hint="try again in a second") from error
        except MontySyntaxError as error:
            raise _syntax_error(expression, error.display("msg")) from error
        except MontyError as error:
            raise _refusal(expression, error) from error
        if not isinstance(answer, str) or len(answer) > 2 * _MAX_CHARS:
            raise ToolError("not_computable", "the expression has no plain value")
        return answer


def _prepared(written: str) -> str:
    expression = normalise(written)
    if not expression:
        raise _bad("is empty")
    number = grouped_digits(expression)
    if number is not None:
        raise _bad(f"{number} reads as several numbers", hint=f"write {number.replace(',', '')}")
    return expression


def _result(text: str) -> JsonObject:
    try:
        value = decode(text)
    except JsonTextError as error:
        raise ToolError("not_computable", "the expression has no plain value") from error
    return {"value": value, "display": _display(value)}


def _display(value: JsonValue) -> str:
    if isinstance(value, float):
        return f"{value:.15g}"
    return value if isinstance(value, str) else encode_str(value)


def _syntax_error(expression: str, said: str) -> ToolError:
    """Say what is wrong and where. CPython's parser only reads here; its words are better and have a position."""
    message = said.removesuffix(" (<string>, line 1)")
    try:
        ast.parse(expression, mode="eval")
    except SyntaxError as error:
        message = f"{error.msg} at character {error.offset or len(expression)}"
    except (ValueError, RecursionError, MemoryError):
        pass  # the sandbox's words stand
    return _bad(message, hint=hint_for(expression))


def _refusal(expression: str, error: MontyError) -> ToolError:
    if isinstance(error, MontyCrashedError):
        if error.timed_out:
            return ToolError("limit_exceeded", "the expression takes too long")
        return ToolError("limit_exceeded", "the expression exhausts the calculator")
    inner = error.exception()
    said = str(inner)
    if isinstance(inner, TimeoutError):
        return ToolError("limit_exceeded", "the expression takes longer than 1 s")
    if isinstance(inner, (MemoryError, RecursionError)) or "integer string conversion" in said:
        return ToolError("limit_exceeded", "the expression or its result is too large", hint="ask for a smaller result")
    if isinstance(inner, (ArithmeticError, ValueError)):
        return ToolError("not_computable", said, retryable=False)
    if isinstance(inner, NameError):
        return _bad(said, hint=_known_name(said))
    return _bad(said, hint=hint_for(expression))


def _known_name(said: str) -> str:
    name = said.split("'")[1] if said.count("'") == 2 else ""
    near = get_close_matches(name, _NAMES, n=1)
    return f"did you mean {near[0]}?" if near else "only numbers and the functions of Python's math module are known"


def _bad(message: str, *, hint: str = "") -> ToolError:
    return ToolError("invalid_arguments", f"expression: {message[:300]}", hint=hint)
