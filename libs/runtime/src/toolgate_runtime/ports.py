"""The ports of the gateway to its three services. Each has two adapters, gRPC and in-process.

Both adapters take and return the same values and raise the same error; one contract suite tests both.
"""

from __future__ import annotations

from typing import Literal, Protocol

from msgspec import Struct
from toolgate_core.jsontext import JsonObject, JsonValue
from toolgate_core.strategies.base import Transform, Transformed
from toolgate_core.types.errors import ToolgateError
from toolgate_core.types.events import Event
from toolgate_core.types.plan import Plan, ScannerState
from toolgate_core.types.vocabulary import TextEnd

TRANSFORMER = "prompt-transformer"
EXTRACTOR = "extractor"
EXECUTOR = "tool-executor"


class ServiceError(ToolgateError):
    """A service did not answer, or refused. `reason` is the ErrorInfo reason (UPPER_SNAKE) or `UNAVAILABLE`/`DEADLINE`.

    `message` is safe to show to the client; `retryable`: the same call can succeed later; `field` is the field of the
    client's request that is at fault, if any.
    """

    def __init__(self, service: str, reason: str, message: str, *, retryable: bool, field: str | None = None) -> None:
        super().__init__(f"{service}: {message}")
        self.service = service
        self.reason = reason
        self.message = message
        self.retryable = retryable
        self.field = field


class TransformerPort(Protocol):
    """The prompt-transformer."""

    async def transform(self, effect: Transform, *, timeout_s: float) -> Transformed:
        """Write the upstream request; raise `ServiceError`."""
        ...


class ExtractionSession(Protocol):
    """One choice's open extraction."""

    async def feed(self, text: str) -> tuple[Event, ...]:
        """Return the events that `text` causes; raise `ServiceError`."""
        ...

    async def finish(self, text: str, end: TextEnd) -> tuple[Event, ...]:
        """Feed the last text and return the last events; raise `ServiceError`."""
        ...

    async def aclose(self) -> None:
        """Abandon the extraction. Safe to call more than once, and after `finish`."""
        ...


class ExtractorPort(Protocol):
    """The extractor. `tools_json` is the JSON text of the request's tools."""

    async def extract(
        self, plan: Plan, tools_json: bytes, text: str, end: TextEnd, state: ScannerState, *, timeout_s: float
    ) -> tuple[Event, ...]:
        """Extract from a whole text; raise `ServiceError`."""
        ...

    def open(self, plan: Plan, tools_json: bytes, state: ScannerState, *, timeout_s: float) -> ExtractionSession:
        """Start an extraction from a text that is still being written."""
        ...


class ToolInfo(Struct, frozen=True, kw_only=True):
    """A tool that the executor can run; `parameters` is its JSON Schema."""

    name: str
    description: str
    parameters: JsonObject


class ToolFailure(Struct, frozen=True, kw_only=True):
    """The failure of a tool, for the model to read. `retryable`: other arguments, or another try, can help."""

    code: str
    message: str
    hint: str = ""
    retryable: bool = False


class ToolOutcome(Struct, frozen=True, kw_only=True):
    """A tool's result: `content` is text for the model, `structured` the same as a value; or `error` is set."""

    content: str = ""
    structured: JsonValue = None
    truncated: bool = False
    total_bytes: int = 0
    duration_ms: float = 0.0
    error: ToolFailure | None = None


class ExecutorPort(Protocol):
    """The tool-executor. A tool's failure is a `ToolOutcome`; an unknown tool is one with code `not_found`."""

    async def tools(self, *, timeout_s: float) -> tuple[ToolInfo, ...]:
        """Return the tools that can run; raise `ServiceError`."""
        ...

    async def execute(self, name: str, arguments_json: bytes, *, timeout_s: float) -> ToolOutcome:
        """Run one tool; raise `ServiceError`."""
        ...


ServiceState = Literal["serving", "unavailable"]


class HealthPort(Protocol):
    """Whether a service serves, for `/health`."""

    async def state(self, *, timeout_s: float) -> ServiceState:
        """Never raises."""
        ...
