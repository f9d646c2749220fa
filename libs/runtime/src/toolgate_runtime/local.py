"""The in-process adapters of the ports: the core itself, under the same errors as the gRPC adapters.

The core never waits, so `timeout_s` cannot expire here. Heavy work runs in a thread.
"""

from __future__ import annotations

from msgspec import Struct
from toolgate_core.dialects.table import find_dialect
from toolgate_core.extraction import Extraction
from toolgate_core.limits import MAX_INLINE_BYTES
from toolgate_core.nesting import is_heavy
from toolgate_core.strategies.base import Transform, Transformed
from toolgate_core.strategies.table import transform
from toolgate_core.types.events import Event
from toolgate_core.types.plan import Plan, ScannerState
from toolgate_core.types.vocabulary import TextEnd

from toolgate_runtime import offload
from toolgate_runtime.errors import UnknownDialectError, service_error, translated
from toolgate_runtime.ports import EXTRACTOR, TRANSFORMER, ServiceState
from toolgate_runtime.toolsets import ToolsetCache

_MANY_MESSAGES = 500
"""Messages of a history whose rewriting takes a few milliseconds."""


class LocalTransformer:
    """The prompt-transformer, in this process."""

    async def transform(self, effect: Transform, *, timeout_s: float) -> Transformed:  # noqa: ARG002 - see above
        """Write the upstream request."""
        with translated(TRANSFORMER):
            if find_dialect(effect.dialect) is None:
                raise UnknownDialectError(f"unknown dialect: {effect.dialect}")
            heavy = is_large(effect)
            return await offload.run(lambda: transform(effect), heavy=heavy)


def is_large(effect: Transform) -> bool:
    """Whether the input of a transformation is large: tools, or a long history."""
    request = effect.request
    return len(request.tools_json) > MAX_INLINE_BYTES or len(request.messages) > _MANY_MESSAGES


class LocalExtractor:
    """The extractor, in this process; `toolsets` remembers compiled tools."""

    def __init__(self, toolsets: ToolsetCache) -> None:
        self._toolsets = toolsets

    async def extract(
        self,
        plan: Plan,
        tools_json: bytes,
        text: str,
        end: TextEnd,
        state: ScannerState,
        *,
        timeout_s: float,
    ) -> tuple[Event, ...]:
        """Extract from a whole text."""
        return await self.open(plan, tools_json, state, timeout_s=timeout_s).finish(text, end)

    def open(self, plan: Plan, tools_json: bytes, state: ScannerState, *, timeout_s: float) -> LocalSession:  # noqa: ARG002
        """Start an extraction; invalid arguments are reported by the session's first feed."""
        return LocalSession(self._toolsets, _Setup(plan, tools_json, state))


class _Setup(Struct, frozen=True):
    plan: Plan
    tools_json: bytes
    state: ScannerState


class LocalSession:
    """One choice's extraction, in this process."""

    def __init__(self, toolsets: ToolsetCache, setup: _Setup) -> None:
        self._toolsets = toolsets
        self._setup = setup
        self._extraction: Extraction | None = None
        self._over = False
        self._fed = 0

    async def feed(self, text: str) -> tuple[Event, ...]:
        """Return the events that `text` causes."""
        with translated(EXTRACTOR):
            return await offload.run(lambda: tuple(self._open().feed(text)), heavy=self._is_long(text))

    async def finish(self, text: str, end: TextEnd) -> tuple[Event, ...]:
        """Feed the last text and return the last events."""
        with translated(EXTRACTOR):
            return await offload.run(lambda: self._finish(text, end), heavy=self._is_long(text))

    def _finish(self, text: str, end: TextEnd) -> tuple[Event, ...]:
        extraction = self._open()
        self._over = True
        return (*extraction.feed(text), *extraction.finish(end))

    def _is_long(self, text: str) -> bool:
        """Whether reading the text so far can take long, or heavy tools have to be compiled first."""
        self._fed += len(text)
        compile_first = self._extraction is None and is_heavy(self._setup.tools_json)
        return self._fed > MAX_INLINE_BYTES or compile_first

    async def aclose(self) -> None:
        """Abandon the extraction."""
        self._over = True
        self._extraction = None

    def _open(self) -> Extraction:
        if self._over:
            raise service_error(EXTRACTOR, "OUT_OF_ORDER", "the extraction has ended")
        if self._extraction is None:
            plan, state = self._setup.plan, self._setup.state
            toolset = self._toolsets.get(self._setup.tools_json)
            try:
                self._extraction = Extraction(plan, toolset, state)
            except ValueError as error:
                raise UnknownDialectError(str(error)) from error
        return self._extraction


class LocalHealth:
    """Services in this process are healthy as long as the process runs."""

    async def state(self, *, timeout_s: float) -> ServiceState:  # noqa: ARG002 - nothing to wait for
        """Return `serving`."""
        return "serving"
