"""A tool: `greet`, which says hello."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field
from toolgate_tool_executor.tools.base import Arguments, Tool


class GreetArguments(Arguments):
    """The arguments."""

    name: str = Field(max_length=100, description="Who is greeted.", examples=["Ada"])


class Greet(Tool[GreetArguments]):
    """Says hello."""

    name: ClassVar[str] = "greet"
    description: ClassVar[str] = "Say hello."
    arguments: ClassVar[type[Arguments]] = GreetArguments
    timeout_s: ClassVar[float] = 1

    async def run(self, arguments: GreetArguments) -> str:
        """Return the greeting."""
        return f"Hello, {arguments.name}."
