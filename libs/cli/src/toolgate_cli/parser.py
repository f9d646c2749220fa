"""The arguments of every command. No heavy imports here: this module is loaded before every command."""

from __future__ import annotations

from argparse import (
    SUPPRESS,
    Action,
    ArgumentParser,
    ArgumentTypeError,
    BooleanOptionalAction,
    RawDescriptionHelpFormatter,
)
from collections.abc import Sequence
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from toolgate_core.types.vocabulary import Strategy

if TYPE_CHECKING:
    from argparse import _SubParsersAction

    Commands = _SubParsersAction[ArgumentParser]


def build_parser() -> ArgumentParser:
    """Return the parser; the parsed namespace has `command` and `module`, which names the module to run."""
    parser = ArgumentParser(prog="toolgate", description="OpenAI-grade tool calling for every model you serve.")
    parser.add_argument("--version", action=_Version, help="print the version")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_up(commands)
    _add_demo(commands)
    _add_extract(commands)
    _add_transform(commands)
    _add_tools(commands)
    _add_doctor(commands)
    _add_preflight(commands)
    _add_config(commands)
    return parser


class _Version(Action):
    """Prints the version of this installation; reading it takes time, so only on demand."""

    def __init__(self, option_strings: Sequence[str], dest: str, **options: Any) -> None:
        super().__init__(option_strings, dest, nargs=0, **options)

    def __call__(self, parser: ArgumentParser, *_: object) -> None:
        print(f"toolgate {version('toolgate-cli')}")
        parser.exit()


def _add(commands: Commands, name: str, summary: str, details: str = "") -> ArgumentParser:
    command = commands.add_parser(
        name, help=summary, description=f"{summary}\n\n{details}", formatter_class=RawDescriptionHelpFormatter
    )
    command.set_defaults(module=f"toolgate_cli.{name}")
    return command


def _add_up(commands: Commands) -> None:
    up = _add(
        commands,
        "up",
        "Run the whole gateway in one process, in front of a server or a simulated one.",
        "Settings come from TOOLGATE_* variables, .env and the file that TOOLGATE_CONFIG names; options override\n"
        "all of them.",
    )
    up.add_argument("--upstream", metavar="URL", help="URL of an OpenAI-compatible server (default: a simulated one)")
    up.add_argument("--api-key-file", metavar="FILE", help="file with the API key of the upstream")
    up.add_argument("--api-key", metavar="KEY", help="the API key itself; visible to every user of this machine")
    up.add_argument("--config", metavar="FILE", help="YAML file, instead of the one that TOOLGATE_CONFIG names")
    up.add_argument("--host", metavar="ADDRESS", help="address to listen on (default 127.0.0.1)")
    up.add_argument("--port", type=port, metavar="N", help="port to listen on; 0 selects a free one (default 8002)")
    up.add_argument("--grpc", action="store_true", help="run the three services as separate processes over gRPC")


def _add_demo(commands: Commands) -> None:
    demo = _add(commands, "demo", "Show tool calls end to end, with a simulated model and the openai SDK.")
    demo.add_argument("--logs", metavar="DIR", help="directory to keep the logs of the processes in")


def _add_extract(commands: Commands) -> None:
    extract = _add(
        commands,
        "extract",
        "Extract tool calls from model output.",
        'With --jsonl, each line is {"id","text","tools","dialect","finish"}; only "text" is required. A line that\n'
        'cannot be processed gives {"id","error"}, and the exit status is 1. With --explain, each answer also has\n'
        '"explain", a list of sentences.',
    )
    extract.add_argument("file", nargs="?", metavar="FILE", help="file with the text (default: standard input)")
    extract.add_argument("--dialect", default="auto", metavar="NAME", help="name or alias of a dialect (default auto)")
    extract.add_argument(
        "--tools", metavar="FILE", help="file with the declared tools, a JSON list as in OpenAI's `tools`"
    )
    extract.add_argument(
        "--finish", default="stop", metavar="WORD", help="how the text ended: stop (default), length or cut"
    )
    extract.add_argument("--stream", type=positive, metavar="N", help="feed N characters at a time")
    extract.add_argument(
        "--reasoning-starts-open",
        action="store_true",
        help="the text begins inside reasoning that the prompt opened",
    )
    extract.add_argument("--reasoning", help=SUPPRESS)  # the former name: `--reasoning open`
    extract.add_argument("--explain", action="store_true", help="explain on standard error which rule matched where")
    extract.add_argument("--jsonl", action="store_true", help="read and write one JSON object per line")


def _add_transform(commands: Commands) -> None:
    transform = _add(commands, "transform", "Show the upstream request for a chat request.")
    transform.add_argument("file", nargs="?", metavar="FILE", help="file with the request (default: standard input)")
    transform.add_argument(
        "--strategy",
        default="native",
        choices=[strategy.value for strategy in Strategy],
        help="strategy of the attempt (default native)",
    )
    transform.add_argument(
        "--dialect",
        default="function_calls",
        metavar="NAME",
        help="name or alias of a dialect (default function_calls)",
    )
    transform.add_argument(
        "--constrained",
        action=BooleanOptionalAction,
        default=True,
        help="whether the upstream enforces a JSON schema (default yes)",
    )
    transform.add_argument(
        "--draft", metavar="TEXT", help="two_pass: the answer of pass 1; shows the request of pass 2"
    )


def _add_tools(commands: Commands) -> None:
    tools = _add(commands, "tools", "List or run the tools that Toolgate executes.")
    actions = tools.add_subparsers(dest="action", required=True, metavar="ACTION")
    for name, summary in (("list", "List the tools."), ("run", "Run one tool and print its result.")):
        action = actions.add_parser(name, help=summary, description=summary)
        if name == "run":
            action.add_argument("name", metavar="NAME")
            action.add_argument("arguments", metavar="JSON", nargs="?", default="{}", help="its arguments (default {})")
        action.add_argument("--gateway", metavar="URL", help="URL of a gateway (default: run in this process)")
        action.add_argument("--json", action="store_true", help="print everything as JSON")


def _add_doctor(commands: Commands) -> None:
    doctor = _add(
        commands,
        "doctor",
        "Check a server with real tool calls and suggest fixes.",
        "The API key comes from --api-key-file or TOOLGATE_API_KEY. The exit status is 1 if a check fails.",
    )
    doctor.add_argument(
        "url", metavar="URL", help="URL of a gateway or an OpenAI-compatible server, with or without /v1"
    )
    doctor.add_argument(
        "--model", action="append", metavar="NAME", help="model to check; repeatable (default: all, at most 8)"
    )
    doctor.add_argument("--api-key-file", metavar="FILE", help="file with the API key")
    doctor.add_argument(
        "--timeout", type=positive, default=120, metavar="S", help="time limit of one answer, in seconds (default 120)"
    )
    doctor.add_argument(
        "--total",
        type=positive,
        default=1800,
        metavar="S",
        help="seconds after which no further model is checked (default 1800)",
    )
    doctor.add_argument(
        "--max-tokens", type=positive, default=512, metavar="N", help="token limit of each answer (default 512)"
    )
    doctor.add_argument("--chart", action="store_true", help="the server is a release of the chart: suggest its values")
    doctor.add_argument(
        "--wait", type=positive, default=1, metavar="S", help="seconds to wait for a first model (default 1)"
    )
    doctor.add_argument("--strict", action="store_true", help="count warnings as failures")
    doctor.add_argument("--json", action="store_true", help="print everything that was observed, as JSON")


def _add_preflight(commands: Commands) -> None:
    preflight = _add(
        commands,
        "preflight",
        "Check whether a cluster meets the needs of a release, and explain its pending pods.",
        "Uses the pod's service account in a cluster, else the kubeconfig. Exit status 1 if anything is missing.",
    )
    preflight.add_argument("--needs", metavar="FILE", help="JSON file with the needs, as the chart writes it")
    preflight.add_argument("--namespace", metavar="NAME", help="namespace, instead of the file's")
    preflight.add_argument(
        "--release", metavar="NAME", help="release whose pending pods are explained, instead of the file's"
    )
    preflight.add_argument("--warn-only", action="store_true", help="exit with 0 even if something is missing")
    preflight.add_argument("--json", action="store_true", help="print the findings as JSON")


def _add_config(commands: Commands) -> None:
    config = _add(commands, "config", "Check the settings without starting anything.")
    actions = config.add_subparsers(dest="action", required=True, metavar="ACTION")
    summary = "Read environment, .env and file. The exit status is 2, with one line, for the first invalid value."
    check = actions.add_parser("check", help=summary, description=summary)
    check.add_argument(
        "file", nargs="?", metavar="FILE", help="YAML file (default: the one that TOOLGATE_CONFIG names)"
    )
    check.add_argument("--config", metavar="FILE", help="the same, as in `toolgate up`")
    check.add_argument("--strict", action="store_true", help="exit with 1 if there is a warning")


def positive(text: str) -> int:
    """Read a whole number above zero."""
    if not text.isascii() or not text.isdigit() or not int(text):
        raise ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


def port(text: str) -> int:
    """Read a TCP port; 0 selects a free one."""
    if not text.isascii() or not text.isdigit() or int(text) > 65535:
        raise ArgumentTypeError(f"{text!r} is not a port (0 to 65535)")
    return int(text)
