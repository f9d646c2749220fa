"""The tool-executor's RPCs, over the same in-process executor that a laptop uses."""

from __future__ import annotations

from typing import Protocol

import grpc
from toolgate.tool_executor.v1 import tool_executor_service_pb2 as messages
from toolgate.tool_executor.v1.tool_executor_service_pb2_grpc import (
    ToolExecutorServiceServicer,
    add_ToolExecutorServiceServicer_to_server,
)
from toolgate_runtime import wire_tools
from toolgate_runtime.handling import Context, Handling
from toolgate_runtime.ports import ExecutorPort

DESCRIPTOR = messages.DESCRIPTOR.services_by_name["ToolExecutorService"]

ANSWER_MARGIN = 0.9
"""The share of a call's time that the tool gets; the rest lets its `timeout` result reach the caller in time."""


class ClosableExecutor(ExecutorPort, Protocol):
    """An executor that holds workers."""

    async def aclose(self) -> None:
        """Stop them."""
        ...


class ToolExecutorService(ToolExecutorServiceServicer):
    """See `tool_executor_service.proto` for what each RPC promises."""

    def __init__(self, executor: ClosableExecutor, handling: Handling) -> None:
        self._executor = executor
        self._handling = handling

    def register(self, server: grpc.aio.Server) -> None:
        """Add the RPCs to a server."""
        add_ToolExecutorServiceServicer_to_server(self, server)

    async def aclose(self) -> None:
        """Stop the executor."""
        await self._executor.aclose()

    async def ListTools(  # noqa: N802 - the name is the contract's
        self,
        request: messages.ListToolsRequest,  # noqa: ARG002
        context: Context,
    ) -> messages.ListToolsResponse:
        """List what can be run."""
        async with self._handling.rpc("ListTools", context) as left_s:
            tools = await self._executor.tools(timeout_s=left_s)
            return messages.ListToolsResponse(tools=map(wire_tools.tool_info_to_proto, tools))

    async def ExecuteTool(  # noqa: N802
        self, request: messages.ExecuteToolRequest, context: Context
    ) -> messages.ExecuteToolResponse:
        """Run one tool."""
        async with self._handling.rpc("ExecuteTool", context) as left_s:
            outcome = await self._executor.execute(
                request.name, request.arguments_json, timeout_s=left_s * ANSWER_MARGIN
            )
            return messages.ExecuteToolResponse(result=wire_tools.outcome_to_proto(outcome))
