"""The least that adds one of each thing, as CONTRIBUTING's table "Where do I add …" says it: data for its test."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Edit:
    """One file to touch: `text` goes after the first line that has `after`, or is a new file where that is empty.

    `needed`: without it something says so; else it only makes the addition complete.
    """

    path: str
    text: str
    after: str = ""
    needed: bool = True


@dataclass(frozen=True)
class Addition:
    """What is added, by which edits, and what has to hold then: tests, or a script that raises nothing.

    `noticing`: the tests among them that notice an edit that is left out, where that are not all.
    """

    what: str
    edits: tuple[Edit, ...]
    tests: tuple[str, ...] = ()
    script: str = ""
    noticing: tuple[str, ...] = ()


CORE = "libs/core/src/toolgate_core"
FORMATS = "libs/formats/src/toolgate_formats"
RUNTIME = "libs/runtime/src/toolgate_runtime"
GATEWAY = "services/gateway/src/toolgate_gateway"
EXECUTOR = "services/tool-executor/src/toolgate_tool_executor"

_DIALECT = '''"""`angle`: a JSON envelope in `<angle_call>` tags."""

from __future__ import annotations

from dataclasses import dataclass

from msgspec.structs import replace

from toolgate_core.dialects.base import EnvelopeGrammar, Writer
from toolgate_core.dialects.catalog.hermes import HERMES, render_result, render_tools
from toolgate_core.dialects.writing import json_call

GRAMMAR = EnvelopeGrammar(tags=("angle_call",), close_tags=("angle_call",))


def render_calls(calls):
    """Return one block per call."""
    return "\\n".join(f"<angle_call>\\n{json_call(call)}\\n</angle_call>" for call in calls)


def tools(tools, choice, parallel):
    """Return the system block."""
    return render_tools(tools, choice, parallel).replace("tool_call>", "angle_call>")


ANGLE = replace(
    HERMES, name="angle", models="none", grammars=(GRAMMAR,), writer=Writer(tools, render_calls, render_result), aliases=()
)
'''
_DIALECT_CASES = (
    '[{"name": "one call", "text": "<angle_call>{\\"name\\": \\"ping\\", \\"arguments\\": {}}</angle_call>",'
    ' "finish": "stop", "calls": [["ping", {}]], "content": ""}]\n'
)
_STRATEGY = '''"""`patient`: as `bridge`."""

from __future__ import annotations

from msgspec.structs import replace

from toolgate_core.strategies.bridge import BRIDGE
from toolgate_core.types.vocabulary import Strategy

PATIENT = replace(BRIDGE, strategy=Strategy.PATIENT)
'''
_CODEC = '''"""`plain`: a wire format like OpenAI's, at another path."""

from __future__ import annotations

from toolgate_formats.codecs.openai_chat.codec import OpenAIChatCodec


class PlainCodec(OpenAIChatCodec):
    """The other wire format."""

    chat_path = "/v1/plain"
'''
_TOOL = '''"""A tool that says hello."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from toolgate_tool_executor.tools.base import Arguments, Tool


class GreetArguments(Arguments):
    """What it takes."""

    name: str = Field(max_length=100, description="Who.", examples=["Ada"])


class Greet(Tool[GreetArguments]):
    """Says hello."""

    name: ClassVar[str] = "greet"
    description: ClassVar[str] = "Say hello."
    arguments: ClassVar[type[Arguments]] = GreetArguments
    timeout_s: ClassVar[float] = 1

    async def run(self, arguments: GreetArguments) -> str:
        """Return the greeting."""
        return f"Hello, {arguments.name}."
'''
_FAMILY_TEST = """
from toolgate_core.dialects.families import family_of
assert family_of("acme/quokka-7b").dialects == ("hermes",)
"""
_PRESET_TEST = """
from toolgate_core.types.policy import Policy
from toolgate_core.presets import PRESETS
assert isinstance(PRESETS["added"], Policy)
from toolgate_gateway.settings import ModelEntry
assert ModelEntry(preset="added").preset == "added"
"""
_PROVIDER_TEST = """
from toolgate_gateway.settings import UpstreamEntry
from toolgate_gateway.upstreams.table import find_provider
assert find_provider(UpstreamEntry(url="http://x", provider="mine").provider).key_header == "x-key"
"""
_CODEC_TEST = """
from toolgate_gateway.settings import UpstreamEntry
from toolgate_gateway.upstreams.config import UpstreamConfig
from toolgate_gateway.upstreams.table import create_provider
entry = UpstreamEntry(url="http://x", provider="plain")
provider = create_provider(UpstreamConfig(name="a", url=entry.url, provider=entry.provider))
assert provider._chat_url == "http://x/v1/plain"
"""
_SETTING_TEST = """
import os
os.environ["TOOLGATE_ADDED_S"] = "5"
from toolgate_gateway.server.notices import start_warnings
from toolgate_gateway.settings import GatewaySettings
from toolgate_runtime.settings import SettingsError, Source, load, load_from
assert load(GatewaySettings).added_s == 5
source = Source(GatewaySettings)
assert start_warnings(source, load_from(source, GatewaySettings, {}), {}) == []  # its own field is known
os.environ["TOOLGATE_ADDED_S"] = "many"
try:
    load(GatewaySettings)
except SettingsError as error:
    assert str(error).startswith("TOOLGATE_ADDED_S: ")
else:
    raise AssertionError
import runpy, sys
sys.argv = ["configuration.py"]
try:
    runpy.run_path("scripts/configuration.py", run_name="__main__")
except SystemExit as end:
    assert end.code == 0
assert "TOOLGATE_ADDED_S" in open("docs/configuration.md").read()
"""
_METRIC_TEST = """
from prometheus_client import CollectorRegistry, generate_latest
from toolgate_gateway.telemetry.metrics import GatewayMetrics
registry = CollectorRegistry()
GatewayMetrics(registry).added.inc()
assert b"toolgate_added_total 1.0" in generate_latest(registry)
"""
_ERROR_TEST = """
from toolgate_core.types.errors import RequestError
from toolgate_formats.api.openai_chat.errors import error
from toolgate_gateway.http.errors import failure_from
from toolgate_runtime.logs import Log
failure = failure_from(RequestError("No such hat.", param="hat", code="added"), Log())
assert error(failure).body == b'{"error":{"message":"No such hat.","type":"invalid_request_error","param":"hat","code":"added"}}'
"""
_SERVICE_ERROR_TEST = """
import grpc
from toolgate_runtime.errors import from_rpc_error, service_error, to_status
error = service_error("extractor", "ADDED", "no hat")
assert error.retryable
from toolgate_runtime.errors import STATUS_KEY
from grpc.aio import AioRpcError, Metadata
trailing = Metadata((STATUS_KEY, to_status(error).SerializeToString()))
back = from_rpc_error("extractor", AioRpcError(grpc.StatusCode.ABORTED, Metadata(), trailing))
assert (back.reason, back.retryable, back.message) == ("ADDED", True, "no hat")
"""

ADDITIONS = (
    Addition(
        "dialect",
        (
            Edit(f"{CORE}/dialects/catalog/angle.py", _DIALECT),
            Edit(
                f"{CORE}/dialects/table.py", "from toolgate_core.dialects.catalog.angle import ANGLE\n", "import APRIEL"
            ),
            Edit(f"{CORE}/dialects/table.py", "    ANGLE,\n", "    HERMES,"),
            Edit("tests/core/dialects/cases/angle/cases.json", _DIALECT_CASES),
        ),
        tests=(
            "tests/core/dialects/test_table.py",
            "tests/core/dialects/test_cases.py",
            "tests/core/dialects/test_contract.py",
            "-k",
            "angle",
        ),
        noticing=("tests/core/dialects/test_table.py",),
    ),
    Addition(
        "strategy",
        (
            Edit(f"{CORE}/strategies/patient.py", _STRATEGY),
            Edit(f"{CORE}/types/vocabulary.py", '    PATIENT = ("patient", 5)\n', 'TWO_PASS = ("two_pass", 4)'),
            Edit(
                f"{CORE}/strategies/table.py",
                "from toolgate_core.strategies import patient\n",
                "from toolgate_core.dialects.table import find_dialect",
            ),
            Edit(f"{CORE}/strategies/table.py", "    patient.PATIENT,\n", "    two_pass.TWO_PASS,"),
        ),
        tests=("tests/core/strategies/test_every_strategy.py",),
    ),
    Addition(
        "model family",
        (Edit(f"{CORE}/dialects/families.py", '    ModelFamily(re.compile(r"quokka"), ("hermes",)),\n', "FAMILIES: "),),
        script=_FAMILY_TEST,
    ),
    Addition(
        "model preset",
        (Edit(f"{CORE}/presets.py", '    "added": Policy(max_attempts=2),\n', "PRESETS: "),),
        script=_PRESET_TEST,
    ),
    Addition(
        "provider",
        (
            Edit(
                f"{GATEWAY}/upstreams/table.py",
                '    "mine": ProviderSpec(codec="openai_chat", key_header="x-key"),\n',
                "PROVIDERS: ",
            ),
        ),
        script=_PROVIDER_TEST,
    ),
    Addition(
        "codec",
        (
            Edit(f"{FORMATS}/codecs/plain.py", _CODEC),
            Edit(
                f"{FORMATS}/codecs/table.py",
                "from toolgate_formats.codecs.plain import PlainCodec\n",
                "import OpenAIChatCodec",
            ),
            Edit(f"{FORMATS}/codecs/table.py", '    "plain": PlainCodec,\n', "CODECS: "),
            Edit(f"{GATEWAY}/upstreams/table.py", '    "plain": ProviderSpec(codec="plain"),\n', "PROVIDERS: "),
        ),
        script=_CODEC_TEST,
    ),
    Addition(
        "tool",
        (
            Edit(f"{EXECUTOR}/tools/greet.py", _TOOL),
            Edit(
                f"{EXECUTOR}/tools/__init__.py",
                "from toolgate_tool_executor.tools.greet import Greet\n",
                "import Calculator",
            ),
            Edit(f"{EXECUTOR}/tools/__init__.py", "    Greet,\n", "    SystemInfo,"),
            Edit("tests/tool_executor/tools/test_greet.py", '"""What the tool says."""\n'),
        ),
        tests=("tests/tool_executor/test_executor.py", "tests/services/test_executor_contract.py"),
        noticing=("tests/tool_executor/test_executor.py", "-k", "table or own_tests or schema or examples"),
    ),
    Addition(
        "metric",
        (
            Edit(
                f"{GATEWAY}/telemetry/metrics.py",
                '        self.added = make.counter("added", "Things that were added.").labels()\n',
                "make = FastRegistry(registry)",
            ),
        ),
        script=_METRIC_TEST,
    ),
    Addition(
        "setting",
        (
            Edit(
                f"{GATEWAY}/settings.py",
                '    added_s: float = setting(1.0, "A thing that was added.", unit="seconds", gt=0)\n',
                'service: ClassVar[str] = "gateway"',
            ),
        ),
        script=_SETTING_TEST,
    ),
    Addition("error in a client's request (400)", (), script=_ERROR_TEST),
    Addition(
        "error between services",
        (Edit(f"{RUNTIME}/errors.py", '    "ADDED": Row(grpc.StatusCode.ABORTED, retryable=True),\n', "REASONS = {"),),
        script=_SERVICE_ERROR_TEST,
    ),
)
