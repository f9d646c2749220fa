"""The prompt-transformer's RPC, over the same in-process adapter that a laptop uses."""

from __future__ import annotations

import grpc
from toolgate.prompt_transformer.v1 import prompt_transformer_service_pb2 as messages
from toolgate.prompt_transformer.v1.prompt_transformer_service_pb2_grpc import (
    PromptTransformerServiceServicer,
    add_PromptTransformerServiceServicer_to_server,
)
from toolgate_core.limits import MAX_INLINE_BYTES
from toolgate_runtime import offload, wire
from toolgate_runtime.handling import Context, Handling
from toolgate_runtime.ports import TransformerPort
from toolgate_runtime.toolsets import DeclaredToolsCache

DESCRIPTOR = messages.DESCRIPTOR.services_by_name["PromptTransformerService"]


class PromptTransformerService(PromptTransformerServiceServicer):
    """See `prompt_transformer_service.proto` for what the RPC promises."""

    def __init__(self, transformer: TransformerPort, tools: DeclaredToolsCache, handling: Handling) -> None:
        self._transformer = transformer
        self._tools = tools
        self._handling = handling

    def register(self, server: grpc.aio.Server) -> None:
        """Add the RPC to a server."""
        add_PromptTransformerServiceServicer_to_server(self, server)

    async def aclose(self) -> None:
        """Hold nothing."""

    async def Transform(  # noqa: N802 - the name is the contract's
        self, request: messages.TransformRequest, context: Context
    ) -> messages.TransformResponse:
        """Write the upstream request for one strategy."""
        async with self._handling.rpc("Transform", context) as left_s:
            large = request.ByteSize() > MAX_INLINE_BYTES
            effect = await offload.run(lambda: wire.transform_from_proto(request, self._tools.get), heavy=large)
            return wire.transformed_to_proto(await self._transformer.transform(effect, timeout_s=left_s))
