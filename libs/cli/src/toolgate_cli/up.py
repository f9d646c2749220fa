"""`toolgate up`: the whole gateway in one process, in front of a server or a simulated model."""

from __future__ import annotations

import signal
import sys
import tempfile
import threading
from argparse import Namespace
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path

import uvloop
from msgspec import Struct
from toolgate_core.types.errors import ToolgateError
from toolgate_gateway.deps import Deps, Services
from toolgate_gateway.server.compose import compose, remote_deps, this_process
from toolgate_gateway.server.notices import start_warnings
from toolgate_gateway.server.serve import Ports, serve
from toolgate_gateway.settings import GatewaySettings
from toolgate_runtime import logs
from toolgate_runtime.local import LocalExtractor, LocalHealth, LocalTransformer
from toolgate_runtime.ports import EXECUTOR, EXTRACTOR, TRANSFORMER
from toolgate_runtime.settings import Source, load_from
from toolgate_runtime.settingwarnings import origins_of
from toolgate_runtime.shutdown import Shutdown
from toolgate_runtime.tls import check_identity
from toolgate_runtime.toolsets import toolset_cache
from toolgate_simulator.server import bind, make_server
from toolgate_simulator.settings import Settings as SimulatorSettings
from toolgate_tool_executor.executor import Executor

from toolgate_cli.failure import CommandError
from toolgate_cli.keys import read_key
from toolgate_cli.output import silence_stdout
from toolgate_cli.stack import GRPC_SERVICES, free_ports, grpc_service, terminated_as_interrupt

Compose = Callable[[GatewaySettings], AbstractAsyncContextManager[Deps]]

_MODEL = "gpt-oss-20b"
_OPTIONS = {"--upstream-url": "--upstream", "--upstream-api-key": "the upstream's key"}
"""Options whose names differ from their settings."""
_SIMULATED = (
    "upstream  *** SIMULATOR, in this process: no model is served, the answers are invented ***\n"
    "          (a real server: --upstream URL, TOOLGATE_UPSTREAM_URL, or `upstreams` in --config FILE)"
)
_TRY = """
Try it:

  curl -s {url}/v1/chat/completions -H 'content-type: application/json' -d '{{"model": "{model}",
    "messages": [{{"role": "user", "content": "What is 23 * 19?"}}],
    "tools": [{{"type": "function", "function": {{"name": "calculator", "parameters": {{
      "type": "object", "properties": {{"expression": {{"type": "string"}}}}, "required": ["expression"]}}}}}}]}}'

Press Ctrl-C to stop.
"""


def run(options: Namespace) -> int:
    """Run the command until it is interrupted."""
    with terminated_as_interrupt(), ExitStack() as held:
        try:
            start = _start(options, held)
            settings = start.settings
            logs.configure(
                settings.service, level=settings.log_level, debug=settings.debug, show_content=settings.log_content
            )
            for text in start.warnings:
                print(f"toolgate up: warning: {text}", file=sys.stderr)
            if options.grpc:
                settings = held.enter_context(_services(settings))
            deps = remote_deps if options.grpc else local_deps
            uvloop.run(_until_interrupted(settings, deps, _announcement(start, grpc=options.grpc)))
            # The rest ends within seconds; another interrupt would only leave parts of it behind.
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        except (ToolgateError, OSError) as error:
            raise CommandError(str(error)) from error
    return 0


class _Start(Struct, frozen=True):
    """What a start needs. `origins`: where the settings come from; `simulated`: no upstream is configured."""

    settings: GatewaySettings
    simulated: bool
    origins: list[str]
    warnings: list[str]


def _start(options: Namespace, held: ExitStack) -> _Start:
    """Read the settings; without an upstream, start a simulator as the upstream."""
    chosen = {"host": options.host, "port": options.port, "upstream_url": options.upstream}
    given: dict[str, object] = {name: value for name, value in chosen.items() if value is not None}
    if options.api_key_file is not None or options.api_key is not None:
        given["upstream_api_key"] = read_key(options.api_key_file) if options.api_key_file else options.api_key
    source = Source(GatewaySettings, options.config or "")
    settings = load_from(source, GatewaySettings, given)
    check_identity(settings.tls_dir)
    warnings = [*start_warnings(source, settings, given), *_without_effect(source, options)]
    origins = [_OPTIONS.get(origin, origin) for origin in origins_of(source, GatewaySettings, given)]
    if settings.upstream_configs() or settings.discovery != "none":
        return _Start(settings, simulated=False, origins=origins, warnings=warnings)
    given["upstream_url"] = held.enter_context(simulated_upstream())
    settings = load_from(source, GatewaySettings, given)
    return _Start(settings, simulated=True, origins=origins, warnings=warnings)


def _without_effect(source: Source, options: Namespace) -> Iterator[str]:
    """Yield a warning for each setting that has no effect on this command."""
    if options.api_key is not None:
        yield "--api-key shows the key in the list of processes; use --api-key-file or TOOLGATE_UPSTREAM_API_KEY"
    names = ("transformer", "extractor", "executor", *(() if options.grpc else ("tls_dir",)))
    where = "are processes that it starts" if options.grpc else "are in its process"
    for found in filter(None, map(source.find, names)):
        yield f"{found.label} has no effect on `toolgate up`, whose services {where}"


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
        tls_dir = str(Path(settings.tls_dir).resolve()) if settings.tls_dir else ""
        processes = [
            grpc_service(name, port, Path(folder), tls_dir=tls_dir)
            for name, port in zip(GRPC_SERVICES, ports, strict=True)
        ]
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
    """Yield the dependencies of a gateway whose services run in this process, and close them at exit."""
    async with AsyncExitStack() as stack:
        executor = Executor()
        stack.push_async_callback(executor.aclose)
        here = LocalHealth()
        services = Services(
            transformer=LocalTransformer(),
            extractor=LocalExtractor(toolset_cache()),
            executor=executor,
            health={TRANSFORMER: here, EXTRACTOR: here, EXECUTOR: here},
        )
        yield await stack.enter_async_context(compose(settings, services, this_process(settings)))


async def _until_interrupted(
    settings: GatewaySettings, deps: Compose, announce: Callable[[Ports], Awaitable[None]]
) -> None:
    """Serve; the first Ctrl-C (or SIGTERM, or a closed terminal) drains requests in flight, a second one ends them."""
    shutdown = Shutdown.on_signals(hangup=True)
    await serve(settings, deps, shutdown=shutdown, ready=announce, draining=_say_what_is_left)


def _say_what_is_left(in_flight: int, seconds: float) -> None:
    one = in_flight == 1
    what = "1 request" if one else f"{in_flight} requests"
    print(
        f"{what} in flight, up to {seconds:g} s; press Ctrl-C again to end {'it' if one else 'them'} now",
        file=sys.stderr,
    )


def _announcement(start: _Start, *, grpc: bool) -> Callable[[Ports], Awaitable[None]]:
    async def announce(ports: Ports) -> None:
        try:
            sys.stdout.write("\n".join(_greeting(start, ports, grpc=grpc)))
            sys.stdout.flush()
        except OSError as error:
            # A full disk or a closed pipe is no reason not to serve.
            silence_stdout()
            logs.Log().warning("greeting_lost", reason=error.strerror)

    return announce


def _greeting(start: _Start, ports: Ports, *, grpc: bool) -> list[str]:
    settings = start.settings
    address = f"http://{_reachable(settings.host)}"
    url = f"{address}:{ports.http}"
    lines = [f"gateway   {url}/v1   (also {url}/emulate/v1, {url}/passthrough/v1)"]
    lines += [_SIMULATED] if start.simulated else _upstreams(settings)
    lines.append(f"services  {'three processes, over gRPC' if grpc else 'in this process'}")
    if ports.metrics:
        lines.append(f"metrics   http://{_reachable(settings.metrics_host)}:{ports.metrics}/metrics")
    modes = {"emulate": ports.emulate, "passthrough": ports.passthrough}
    lines += [f"mode      {mode} at {address}:{port}/v1" for mode, port in modes.items() if port]
    lines.append(f"settings  {', '.join(start.origins) or 'all defaults'}")
    return [*lines, _TRY.format(url=url, model=_MODEL if start.simulated else "YOUR-MODEL")]


def _upstreams(settings: GatewaySettings) -> list[str]:
    lines = [
        f"upstream  {name}: {', '.join(filter(None, (each.url, *each.urls)))}"
        for name, each in settings.upstream_configs().items()
    ]
    return lines if settings.discovery == "none" else [*lines, f"upstream  discovered in {settings.discovery}"]


def _reachable(host: str) -> str:
    """Return an address that a client on this machine can connect to, for an address that is listened on."""
    if host in ("0.0.0.0", "::"):  # noqa: S104 - only read
        return "127.0.0.1" if host == "0.0.0.0" else "[::1]"  # noqa: S104
    return f"[{host}]" if ":" in host else host
