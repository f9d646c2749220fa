"""The arguments of every command. Nothing heavy is imported here: this runs before every command."""

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
    """Prints the version of this installation, which is only looked up when asked for."""

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
        "The whole gateway in this process, in front of a server or of a simulated one.",
        "Settings come from TOOLGATE_* variables, .env and the file that TOOLGATE_CONFIG names; what is said here\n"
        "comes before all of them.",
    )
    up.add_argument("--upstream", metavar="URL", help="an OpenAI-compatible server; left out: a simulated one")
    up.add_argument("--api-key-file", metavar="FILE", help="a file with the key for the upstream")
    up.add_argument("--api-key", metavar="KEY", help="the key itself, which every user of this machine can then see")
    up.add_argument("--config", metavar="FILE", help="the YAML file, instead of the one that TOOLGATE_CONFIG names")
    up.add_argument("--host", metavar="ADDRESS", help="where to listen (default 127.0.0.1)")
    up.add_argument("--port", type=port, metavar="N", help="0: any free one (default 8002)")
    up.add_argument("--grpc", action="store_true", help="run the three services as processes that talk gRPC")


def _add_demo(commands: Commands) -> None:
    demo = _add(commands, "demo", "The main job end to end, with a simulated model and the openai SDK. Ends by itself.")
    demo.add_argument("--logs", metavar="DIR", help="keep the processes' logs there")


def _add_extract(commands: Commands) -> None:
    extract = _add(
        commands,
        "extract",
        "A model's text to the calls in it.",
        'With --jsonl a line is {"id","text","tools","dialect","finish"}; only "text" is needed. A line that\n'
        'cannot be done gives {"id","error"}, and the exit status is 1 at the end. With --explain as well, its answer\n'
        'has "explain", a list of sentences.',
    )
    extract.add_argument("file", nargs="?", metavar="FILE", help="the text (default: standard input)")
    extract.add_argument(
        "--dialect", default="auto", metavar="NAME", help="auto, or one by name or alias (default auto)"
    )
    extract.add_argument("--tools", metavar="FILE", help="the declared tools, a list as in OpenAI's `tools`")
    extract.add_argument("--finish", default="stop", metavar="WORD", help="how it ended: stop (default), length, cut")
    extract.add_argument("--stream", type=positive, metavar="N", help="feed N characters at a time")
    extract.add_argument(
        "--reasoning-starts-open",
        action="store_true",
        help="the text begins inside reasoning that the prompt opened",
    )
    extract.add_argument("--reasoning", help=SUPPRESS)  # the former name: `--reasoning open`
    extract.add_argument("--explain", action="store_true", help="say on standard error which rule fired where")
    extract.add_argument("--jsonl", action="store_true", help="read and write one JSON object a line")


def _add_transform(commands: Commands) -> None:
    transform = _add(commands, "transform", "A chat request to what would be sent upstream.")
    transform.add_argument("file", nargs="?", metavar="FILE", help="the request (default: standard input)")
    transform.add_argument(
        "--strategy", default="native", choices=("native", "guided", "bridge", "two_pass"), help="default native"
    )
    transform.add_argument(
        "--dialect", default="function_calls", metavar="NAME", help="name or alias, default function_calls"
    )
    transform.add_argument(
        "--constrained",
        action=BooleanOptionalAction,
        default=True,
        help="the upstream enforces a JSON schema (default yes)",
    )
    transform.add_argument("--draft", metavar="TEXT", help="two_pass: what pass 1 brought; shows pass 2")


def _add_tools(commands: Commands) -> None:
    tools = _add(commands, "tools", "The tools that run on the server: list them, run one.")
    actions = tools.add_subparsers(dest="action", required=True, metavar="ACTION")
    for name, summary in (("list", "What there is."), ("run", "Run one tool and print its result.")):
        action = actions.add_parser(name, help=summary, description=summary)
        if name == "run":
            action.add_argument("name", metavar="NAME")
            action.add_argument("arguments", metavar="JSON", nargs="?", default="{}", help="default {}")
        action.add_argument("--gateway", metavar="URL", help="ask a gateway; left out: run it in this process")
        action.add_argument("--json", action="store_true", help="print all there is to say, as JSON")


def _add_doctor(commands: Commands) -> None:
    doctor = _add(
        commands,
        "doctor",
        "Real tool calls through a gateway or a server, and in one line each what is wrong and what mends it.",
        "The key comes from --api-key-file or TOOLGATE_API_KEY. Exit status 1 where a check fails.",
    )
    doctor.add_argument("url", metavar="URL", help="a gateway or an OpenAI-compatible server, with or without /v1")
    doctor.add_argument("--model", action="append", metavar="NAME", help="only this one; again for more")
    doctor.add_argument("--api-key-file", metavar="FILE", help="a file with the key")
    doctor.add_argument("--timeout", type=positive, default=120, metavar="S", help="for one answer (default 120)")
    doctor.add_argument(
        "--total", type=positive, default=1800, metavar="S", help="no further model is asked after S (default 1800)"
    )
    doctor.add_argument(
        "--max-tokens", type=positive, default=512, metavar="N", help="limit of each answer (default 512)"
    )
    doctor.add_argument(
        "--chart", action="store_true", help="what is asked is a release of the chart: name its values as remedies"
    )
    doctor.add_argument("--wait", type=positive, default=1, metavar="S", help="seconds for a first model (default 1)")
    doctor.add_argument("--strict", action="store_true", help="a warning is a failure")
    doctor.add_argument("--json", action="store_true", help="print everything that was seen, as JSON")


def _add_preflight(commands: Commands) -> None:
    preflight = _add(
        commands,
        "preflight",
        "Whether a cluster has what a release needs, and why pods of a release wait for a node.",
        "It uses the pod's own account in a cluster, else the kubeconfig. Exit status 1 where something is missing.",
    )
    preflight.add_argument("--needs", metavar="FILE", help="what is needed, as the chart writes it (JSON)")
    preflight.add_argument("--namespace", metavar="NAME", help="instead of the file's")
    preflight.add_argument("--release", metavar="NAME", help="instead of the file's; its waiting pods are explained")
    preflight.add_argument("--warn-only", action="store_true", help="exit with 0 whatever is found")
    preflight.add_argument("--json", action="store_true", help="print the findings as JSON")


def _add_config(commands: Commands) -> None:
    config = _add(commands, "config", "Check the settings without starting anything.")
    actions = config.add_subparsers(dest="action", required=True, metavar="ACTION")
    summary = "Read environment, .env and file; exit status 2 and one line that names the first wrong value."
    check = actions.add_parser("check", help=summary, description=summary)
    check.add_argument("file", nargs="?", metavar="FILE", help="the YAML file (default: what TOOLGATE_CONFIG names)")
    check.add_argument("--config", metavar="FILE", help="the same, as `toolgate up` has it")
    check.add_argument("--strict", action="store_true", help="exit with 1 where there is a warning")


def positive(text: str) -> int:
    """Read a whole number above zero."""
    if not text.isascii() or not text.isdigit() or not int(text):
        raise ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


def port(text: str) -> int:
    """Read a TCP port; 0 stands for any free one."""
    if not text.isascii() or not text.isdigit() or int(text) > 65535:
        raise ArgumentTypeError(f"{text!r} is not a port (0 to 65535)")
    return int(text)
