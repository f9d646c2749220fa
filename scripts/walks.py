"""The walks that docs/architecture.md shows: the functions that a request and a streamed chunk pass.

Each step names a function or class. scripts/drawing.py takes its description from the docstring, and fails when the
code no longer uses the names in `uses`, which lead to the next steps.
"""

from __future__ import annotations

from typing import NamedTuple


class Step(NamedTuple):
    """One step: `place` is `module:Class.method`; `says` replaces the docstring's first line."""

    place: str
    uses: tuple[str, ...] = ()
    says: str = ""


_CORE, _FORMATS, _GATEWAY = "toolgate_core", "toolgate_formats", "toolgate_gateway"

REQUEST = (
    Step(f"{_GATEWAY}.http.protocol:ClientConnection"),
    Step(f"{_GATEWAY}.server.app:App._dispatch", ("_chats",), "Dispatch by path and method"),
    Step(f"{_GATEWAY}.http.pipeline:RequestPipeline.recorded", ("serve", "finish")),
    Step(f"{_GATEWAY}.http.pipeline:RequestPipeline.authenticated", ("authenticate", "serve")),
    Step(f"{_GATEWAY}.chat.handler:Chat._read", ("read_body", "admitted", "_serve"), "Read the body"),
    Step(f"{_GATEWAY}.http.pipeline:RequestPipeline.admitted", ("admission", "serve")),
    Step(
        f"{_GATEWAY}.chat.handler:Chat._serve",
        ("parse", "_route", "LadderHandler"),
        "Parse, find the model's route, choose ladder or passthrough",
    ),
    Step(f"{_FORMATS}.api.openai_chat.parsing:parse_request"),
    Step(f"{_GATEWAY}.upstreams.registry:ModelRegistry.lookup"),
    Step(f"{_GATEWAY}.chat.ladder_handler:LadderHandler.run", ("LadderRun",)),
    Step(f"{_GATEWAY}.chat.driver:Driver.run"),
    Step(f"{_CORE}.ladder.ladder:LadderRun.run"),
    Step(f"{_CORE}.strategies.selection:strategies_for"),
    Step(f"{_CORE}.strategies.table:transform"),
    Step(f"{_GATEWAY}.upstreams.metered:MeteredProvider.call"),
    Step(f"{_GATEWAY}.upstreams.provider:HttpProvider.call"),
    Step(f"{_CORE}.ladder.reader:ResponseReader"),
    Step(f"{_CORE}.schema.settle:settle"),
    Step(f"{_FORMATS}.api.openai_chat.writer:ChatWriter.whole"),
    Step(f"{_GATEWAY}.telemetry.record:RecordBuilder.finish"),
    Step(f"{_GATEWAY}.telemetry.sinks.base:RecordSink.write"),
)

CHUNK = (
    Step(f"{_GATEWAY}.upstreams.answers:DecodedAnswer.read"),
    Step(f"{_FORMATS}.codecs.openai_chat.decoder:StreamDecoder.feed"),
    Step(f"{_FORMATS}.codecs.openai_chat.joiner:ChunkJoiner.add"),
    Step(f"{_CORE}.ladder.reader:ResponseReader"),
    Step(f"{_FORMATS}.api.openai_chat.writer:ChatWriter.events"),
    Step(f"{_GATEWAY}.http.sse:EventStream.write"),
)
