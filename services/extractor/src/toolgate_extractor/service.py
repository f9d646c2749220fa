"""The extractor's RPCs, over the same in-process adapter that a laptop uses."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable

import grpc
from toolgate.extractor.v1 import extractor_service_pb2 as messages
from toolgate.extractor.v1.extractor_service_pb2_grpc import (
    ExtractorServiceServicer,
    add_ExtractorServiceServicer_to_server,
)
from toolgate_core.types.events import Event
from toolgate_runtime import wire
from toolgate_runtime.errors import WireError, service_error
from toolgate_runtime.handling import Context, Handling
from toolgate_runtime.ports import EXTRACTOR, ExtractionSession, ExtractorPort

DESCRIPTOR = messages.DESCRIPTOR.services_by_name["ExtractorService"]


class ExtractorService(ExtractorServiceServicer):
    """See `extractor_service.proto` for what each RPC promises."""

    def __init__(self, extractor: ExtractorPort, handling: Handling) -> None:
        self._extractor = extractor
        self._handling = handling

    def register(self, server: grpc.aio.Server) -> None:
        """Add the RPCs to a server."""
        add_ExtractorServiceServicer_to_server(self, server)

    async def aclose(self) -> None:
        """Hold nothing."""

    async def Extract(  # noqa: N802 - the name is the contract's
        self, request: messages.ExtractRequest, context: Context
    ) -> messages.ExtractResponse:
        """Extract from a whole text."""
        async with self._handling.rpc("Extract", context) as left_s:
            plan, tools_json, state = wire.setup_from_proto(request.setup)
            end = wire.end_from_proto(request.end)
            events = await self._extractor.extract(plan, tools_json, request.text, end, state, timeout_s=left_s)
            return messages.ExtractResponse(events=map(wire.event_to_proto, events))

    async def StreamExtract(  # noqa: N802
        self, request_iterator: AsyncIterator[messages.StreamExtractRequest], context: Context
    ) -> AsyncIterator[messages.StreamExtractResponse]:
        """Extract from a text that is still being written; every message gets one answer."""
        async with self._handling.rpc("StreamExtract", context) as left_s:
            session: ExtractionSession | None = None
            async for request in request_iterator:
                match request.WhichOneof("message"):
                    case "setup" if session is None:
                        plan, tools_json, state = wire.setup_from_proto(request.setup.setup)
                        session = self._extractor.open(plan, tools_json, state, timeout_s=left_s)
                        yield _response(await session.feed(request.setup.text))
                    case "text_delta" if session is not None:
                        yield _response(await session.feed(request.text_delta.text))
                    case "end" if session is not None:
                        end = wire.end_from_proto(request.end.end)
                        yield _response(await session.finish(request.end.text, end))
                        return
                    case None:
                        raise WireError("message is not set")
                    case kind:
                        raise service_error(EXTRACTOR, "OUT_OF_ORDER", f"{kind} cannot come here")
            if session is not None:
                yield _response(await session.finish("", "cut"))


def _response(events: Iterable[Event]) -> messages.StreamExtractResponse:
    return messages.StreamExtractResponse(events=map(wire.event_to_proto, events))
