"""`toolgate up`: a whole gateway on a laptop, in one process, in front of a server or of a simulated model."""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
import tempfile
import threading
import time
from argparse import Namespace
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path

import uvloop
from toolgate_core.errors import ToolgateError
from toolgate_gateway.compose import new_id, providers, remote_deps
from toolgate_gateway.deps import Deps
from toolgate_gateway.server import Ports, serve
from toolgate_gateway.settings import GatewaySettings
from toolgate_runtime import logs
from toolgate_runtime.cache import Cache, compiled_tools
from toolgate_runtime.local import LocalExtractor, LocalHealth, LocalTransformer
from toolgate_runtime.metrics import new_registry, toolgate_version
from toolgate_runtime.ports import EXECUTOR, EXTRACTOR, TRANSFORMER
from toolgate_runtime.settings import load
from toolgate_simulator.server import bind, make_server
from toolgate_simulator.settings import Settings as SimulatorSettings
from toolgate_tool_executor.executor import Executor

from toolgate_cli.failure import CommandError
from toolgate_cli.stack import GRPC_SERVICES, free_ports, grpc_service

_MODEL = "gpt-oss-20b"
_TRY = """
Try it:

  curl -s {url}/v1/chat/completions -H 'content-type: application/json' -d '{{"model": "{model}",
    "messages": [{{"role": "user", "content": "What is 23 * 19?"}}],
    "tools": [{{"type": "function", "function": {{"name": "calculator", "parameters": {{
      "type": "object", "properties": {{"expression": {{"type": "string"}}}}, "required": ["expression"]}}}}}}]}}'

Ctrl-C ends it.
"""


def run(options: Namespace) -> int:
    """Run the command until it is interrupted."""
    given: dict[str, object] = {
        "host": options.host,
        "port": options.port,
        "upstream_url": options.upstream,
        "upstream_api_key": options.api_key,
    }
    with ExitStack() as held:
        try:
            settings, simulated = _settings({key: value for key, value in given.items() if value is not None}, held)
            logs.configure(
                settings.service, level=settings.log_level, debug=settings.debug, show_content=settings.log_content
            )
            if options.grpc:
                settings = held.enter_context(_services(settings))
            compose = remote_deps if options.grpc else local_deps
            announce = _announcement(settings, simulated=simulated, grpc=options.grpc)
            uvloop.run(_until_interrupted(lambda stop: serve(settings, compose, stop=stop, ready=announce)))
        except (ToolgateError, OSError) as error:
            raise CommandError(str(error)) from error
    return 0


def _settings(given: dict[str, object], held: ExitStack) -> tuple[GatewaySettings, bool]:
    """Return the gateway's settings; where they name no upstream, a simulator is started and becomes it."""
    settings = load(GatewaySettings, **given)
    if settings.places():
        return settings, False
    return load(GatewaySettings, **given, upstream_url=held.enter_context(simulated_upstream())), True


@contextmanager
def simulated_upstream() -> Iterator[str]:
    """Serve the simulator from a thread of this process, on a free port; yield its base URL."""
    settings = SimulatorSettings(port=0)
    with bind(settings) as bound:
        bound.listen()
        server = make_server(replace(settings, grace_s=1))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]}, name="simulator")
        thread.start()
        try:
            yield f"http://127.0.0.1:{bound.getsockname()[1]}/v1"
        finally:
            server.should_exit = True
            thread.join()


@contextmanager
def _services(settings: GatewaySettings) -> Iterator[GatewaySettings]:
    """Run the three services as processes; yield the settings of a gateway that finds them."""
    with tempfile.TemporaryDirectory(prefix="toolgate-") as folder:
        ports = free_ports(len(GRPC_SERVICES))
        processes = [grpc_service(name, port, Path(folder)) for name, port in zip(GRPC_SERVICES, ports, strict=True)]
        try:
            for process in processes:
                process.start()
            for process in processes:
                process.wait_until_listening()
            transformer, extractor, executor = (f"127.0.0.1:{port}" for port in ports)
            yield settings.model_copy(update={"transformer": transformer, "extractor": extractor, "executor": executor})
        finally:
            for process in processes:
                process.terminate()
            for process in processes:
                process.wait()


@asynccontextmanager
async def local_deps(settings: GatewaySettings) -> AsyncIterator[Deps]:
    """Give the dependencies of a gateway whose services live in this process, and close them in the end."""
    async with AsyncExitStack() as stack:
        upstreams = providers(settings)
        for provider in upstreams.values():
            stack.push_async_callback(provider.aclose)
        executor = Executor()
        stack.push_async_callback(executor.aclose)
        here = LocalHealth()
        yield Deps(
            providers=upstreams,
            transformer=LocalTransformer(),
            extractor=LocalExtractor(Cache(compiled_tools)),
            executor=executor,
            health={TRANSFORMER: here, EXTRACTOR: here, EXECUTOR: here},
            registry=new_registry(settings.service),
            clock=time.monotonic,
            now=time.time,
            new_id=new_id,
            version=toolgate_version(),
            instance=socket.gethostname(),
        )


async def _until_interrupted(serving: Callable[[asyncio.Event], Awaitable[None]]) -> None:
    """Serve; the first ctrl-C (or SIGTERM) lets what is in flight end, a second one does not."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    numbers = (signal.SIGINT, signal.SIGTERM)

    def end() -> None:
        stop.set()
        for number in numbers:
            loop.remove_signal_handler(number)

    for number in numbers:
        loop.add_signal_handler(number, end)
    await serving(stop)


def _announcement(settings: GatewaySettings, *, simulated: bool, grpc: bool) -> Callable[[Ports], Awaitable[None]]:
    async def announce(ports: Ports) -> None:
        url = f"http://{_reachable(settings.host)}:{ports.http}"
        lines = [f"gateway   {url}/v1   (also {url}/emulate/v1, {url}/passthrough/v1)"]
        lines += [
            f"upstream  {place.url}{'   (the simulator, in this process)' if simulated else ''}"
            for place in settings.places().values()
        ]
        lines.append(f"services  {'three processes, over gRPC' if grpc else 'in this process'}")
        if ports.metrics:
            lines.append(f"metrics   http://{_reachable(settings.metrics_host)}:{ports.metrics}/metrics")
        lines.append(_TRY.format(url=url, model=_MODEL if simulated else "YOUR-MODEL"))
        sys.stdout.write("\n".join(lines))
        sys.stdout.flush()

    return announce


def _reachable(host: str) -> str:
    """Return an address that a client on this machine can use for one that is listened on."""
    if host in ("0.0.0.0", "::"):  # noqa: S104 - only read
        return "127.0.0.1" if host == "0.0.0.0" else "[::1]"  # noqa: S104
    return f"[{host}]" if ":" in host else host
