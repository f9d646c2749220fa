"""The gRPC adapters of the ports. Every call has a deadline, and every failure is a `ServiceError`."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeAlias

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from toolgate.extractor.v1 import extractor_pb2, extractor_service_pb2_grpc
from toolgate.extractor.v1 import extractor_service_pb2 as extractor
from toolgate.prompt_transformer.v1 import prompt_transformer_service_pb2_grpc
from toolgate.tool_executor.v1 import tool_executor_service_pb2 as executor
from toolgate.tool_executor.v1 import tool_executor_service_pb2_grpc
from toolgate_core.jsontext import JsonTextError
from toolgate_core.strategies.base import Transform, Transformed
from toolgate_core.types.events import Event
from toolgate_core.types.plan import Plan, ScannerState
from toolgate_core.types.vocabulary import TextEnd

from toolgate_runtime import wire, wire_tools
from toolgate_runtime.channel import Channel
from toolgate_runtime.errors import WireError, from_rpc_error, service_error, translated
from toolgate_runtime.logs import REQUEST_ID_KEY, request_id
from toolgate_runtime.ports import EXECUTOR, EXTRACTOR, TRANSFORMER, ServiceError, ServiceState, ToolInfo, ToolOutcome

SERVICES = {
    TRANSFORMER: "toolgate.prompt_transformer.v1.PromptTransformerService",
    EXTRACTOR: "toolgate.extractor.v1.ExtractorService",
    EXECUTOR: "toolgate.tool_executor.v1.ToolExecutorService",
}
"""A service's short name → its gRPC name, which also names it in health checks."""

_StreamCall: TypeAlias = "grpc.aio.StreamStreamCall[extractor.StreamExtractRequest, extractor.StreamExtractResponse]"


def _metadata() -> tuple[tuple[str, str], ...]:
    current = request_id.get()
    return ((REQUEST_ID_KEY, current),) if current else ()


@contextmanager
def _failures(service: str) -> Iterator[None]:
    """Turn every failure of a call into `ServiceError`."""
    with translated(service):
        try:
            yield
        except grpc.aio.AioRpcError as error:
            raise from_rpc_error(service, error) from error
        except grpc.aio.UsageError as error:
            raise service_error(service, "UNAVAILABLE", "the channel is closed") from error
        except JsonTextError:
            raise
        except ValueError as error:
            # A value that a message cannot hold, see `wire`.
            raise WireError(str(error)) from error


async def _connected(service: str, channel: Channel, timeout_s: float) -> float:
    """Wait for a connection and return the seconds that are left, more than none."""
    left_s = await channel.ready(timeout_s)
    if left_s <= 0:
        raise service_error(service, "DEADLINE", "no answer in time")
    return left_s


class RemoteTransformer:
    """The prompt-transformer, over gRPC."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._stub = prompt_transformer_service_pb2_grpc.PromptTransformerServiceStub(channel.grpc)

    async def transform(self, effect: Transform, *, timeout_s: float) -> Transformed:
        """Write the upstream request."""
        with _failures(TRANSFORMER):
            left_s = await _connected(TRANSFORMER, self._channel, timeout_s)
            message = wire.transform_to_proto(effect)
            response = await self._stub.Transform(message, timeout=left_s, metadata=_metadata())
            return wire.transformed_from_proto(response, effect.request)


class RemoteExtractor:
    """The extractor, over gRPC."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._stub = extractor_service_pb2_grpc.ExtractorServiceStub(channel.grpc)

    async def extract(
        self, plan: Plan, tools_json: bytes, text: str, end: TextEnd, state: ScannerState, *, timeout_s: float
    ) -> tuple[Event, ...]:
        """Extract from a whole text."""
        with _failures(EXTRACTOR):
            left_s = await _connected(EXTRACTOR, self._channel, timeout_s)
            setup = wire.setup_to_proto(plan, tools_json, state)
            message = extractor.ExtractRequest(setup=setup, text=text, end=wire.ENDS[end])
            response = await self._stub.Extract(message, timeout=left_s, metadata=_metadata())
            return wire.events_from_proto(response.events)

    def open(self, plan: Plan, tools_json: bytes, state: ScannerState, *, timeout_s: float) -> RemoteSession:
        """Begin to extract; the RPC starts with the first feed, and `timeout_s` bounds all of it, from here on."""
        return RemoteSession(self._channel, self._stub, (plan, tools_json, state), timeout_s)


class RemoteSession:
    """One choice's extraction: one RPC, each feed one message and its answer."""

    def __init__(
        self,
        channel: Channel,
        stub: extractor_service_pb2_grpc.ExtractorServiceAsyncStub,
        setup: tuple[Plan, bytes, ScannerState],
        timeout_s: float,
    ) -> None:
        self._channel = channel
        self._stub = stub
        self._setup = setup
        self._deadline = asyncio.get_running_loop().time() + timeout_s
        self._call: _StreamCall | None = None
        self._over = False

    async def feed(self, text: str) -> tuple[Event, ...]:
        """Return the events that `text` brings about."""
        return await self._exchange(text, None)

    async def finish(self, text: str, end: TextEnd) -> tuple[Event, ...]:
        """Feed the last text and return the last events."""
        events: tuple[Event, ...] = ()
        if self._call is None:
            events, text = await self._exchange(text, None), ""
        return events + await self._exchange(text, end)

    async def aclose(self) -> None:
        """Abandon the extraction; the service receives the cancellation and drops it."""
        self._over = True
        if self._call is not None and not self._call.done():
            self._call.cancel()

    async def _exchange(self, text: str, end: TextEnd | None) -> tuple[Event, ...]:
        """Send one message and await its answer; whatever goes wrong, cancellation included, ends the RPC."""
        if self._over:
            raise service_error(EXTRACTOR, "OUT_OF_ORDER", "the extraction has ended")
        # Until the answer is here, nothing else may be fed.
        self._over = True
        try:
            with _failures(EXTRACTOR):
                call = self._call or await self._start()
                events = await self._ask(call, self._message(text, end))
            self._over = end is not None
        finally:
            if self._over:
                await self.aclose()
        return events

    async def _start(self) -> _StreamCall:
        left_s = await _connected(EXTRACTOR, self._channel, self._deadline - asyncio.get_running_loop().time())
        return self._stub.StreamExtract(timeout=left_s, metadata=_metadata())

    def _message(self, text: str, end: TextEnd | None) -> extractor.StreamExtractRequest:
        if self._call is None:
            setup = extractor.StreamSetup(setup=wire.setup_to_proto(*self._setup), text=text)
            return extractor.StreamExtractRequest(setup=setup)
        if end is None:
            return extractor.StreamExtractRequest(text_delta=extractor_pb2.TextDelta(text=text))
        return extractor.StreamExtractRequest(end=extractor.StreamEnd(text=text, end=wire.ENDS[end]))

    async def _ask(self, call: _StreamCall, message: extractor.StreamExtractRequest) -> tuple[Event, ...]:
        self._call = call
        try:
            await call.write(message)
            if message.HasField("end"):
                await call.done_writing()
            response = await call.read()
        except asyncio.InvalidStateError:
            response = grpc.aio.EOF
        if isinstance(response, extractor.StreamExtractResponse):
            return wire.events_from_proto(response.events)
        # The RPC is over before its time: its status says why.
        raise grpc.aio.AioRpcError(
            await call.code(),
            await call.initial_metadata(),
            await call.trailing_metadata(),
            details=await call.details(),
        )


class RemoteExecutor:
    """The tool-executor, over gRPC."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._stub = tool_executor_service_pb2_grpc.ToolExecutorServiceStub(channel.grpc)

    async def tools(self, *, timeout_s: float) -> tuple[ToolInfo, ...]:
        """Return what can be run."""
        with _failures(EXECUTOR):
            left_s = await _connected(EXECUTOR, self._channel, timeout_s)
            response = await self._stub.ListTools(executor.ListToolsRequest(), timeout=left_s, metadata=_metadata())
            return tuple(map(wire_tools.tool_info_from_proto, response.tools))

    async def execute(self, name: str, arguments_json: bytes, *, timeout_s: float) -> ToolOutcome:
        """Run one tool."""
        with _failures(EXECUTOR):
            left_s = await _connected(EXECUTOR, self._channel, timeout_s)
            message = executor.ExecuteToolRequest(name=name, arguments_json=arguments_json)
            response = await self._stub.ExecuteTool(message, timeout=left_s, metadata=_metadata())
            return wire_tools.outcome_from_proto(response.result)


class RemoteHealth:
    """Whether a service serves, asked by the standard health protocol; `service` is a key of `SERVICES`."""

    def __init__(self, channel: Channel, service: str) -> None:
        self._channel = channel
        self._service = service
        self._stub = health_pb2_grpc.HealthStub(channel.grpc)

    async def state(self, *, timeout_s: float) -> ServiceState:
        """Return `unavailable` for anything but the answer SERVING."""
        try:
            with _failures(self._service):
                left_s = await _connected(self._service, self._channel, timeout_s)
                request = health_pb2.HealthCheckRequest(service=SERVICES[self._service])
                response = await self._stub.Check(request, timeout=left_s)  # type: ignore[attr-defined] # its stubs lack it
        except ServiceError:
            return "unavailable"
        serving = response.status == health_pb2.HealthCheckResponse.ServingStatus.Value("SERVING")
        return "serving" if serving else "unavailable"
