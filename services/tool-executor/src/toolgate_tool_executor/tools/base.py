"""The interface between a tool and the executor that runs it.

A tool is one class in one file of this folder and one row in `TOOLS`. It says what it takes (a pydantic model, from
which its JSON Schema follows) and under which limits; it returns a value, or raises `ToolError`. Reading arguments,
deadlines, the size of the answer and the clock are the executor's job. A tool never blocks the event loop.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, Generic, TypeVar

from pydantic import BaseModel, ConfigDict
from toolgate_core.jsontext import JsonValue
from toolgate_core.types.errors import ToolgateError

KIB = 1024


class Arguments(BaseModel):
    """Base of every tool's arguments: nothing undeclared, no guessing of types, bounds on every field."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class ToolError(ToolgateError):
    """A tool could not do what it was asked; the parts are written for the model to read.

    `code` is one of `invalid_arguments` (another try with better ones may help), `not_computable`, `limit_exceeded`,
    `busy`. `hint` says what to write instead. `retryable`: better arguments, or the same ones later, may succeed.
    """

    def __init__(self, code: str, message: str, *, hint: str = "", retryable: bool = True) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint
        self.retryable = retryable


A = TypeVar("A", bound=Arguments)


class Tool(ABC, Generic[A]):
    """One tool. `timeout_s` bounds a run by the wall clock, `max_output_bytes` the text of its answer."""

    name: ClassVar[str]
    description: ClassVar[str]
    arguments: ClassVar[type[Arguments]]
    timeout_s: ClassVar[float]
    max_output_bytes: ClassVar[int] = 32 * KIB

    @abstractmethod
    async def run(self, arguments: A) -> JsonValue:
        """Return the result; raise `ToolError`."""

    async def aclose(self) -> None:
        """Release what the tool holds. May be called more than once."""
        return
