"""Print the results of the demo: with colours on a terminal, plain elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from rich.console import Console
from rich.table import Table
from rich.text import Text

from toolgate_cli.demo.asking import Row

_WIDTH = 150


def new_console() -> Console:
    """Return a console that is wide enough for the table where the output is not a terminal."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=_WIDTH)


def way(attempts: Sequence[tuple[str, str]]) -> str:
    """Return the failed attempts with their reasons, in order; those alike are counted: `bridge parse_error ×2`."""
    steps = []
    for (strategy, outcome), alike in groupby(attempts[:-1]):
        count = len(list(alike))
        steps.append(f"{strategy} {outcome}" + (f" ×{count}" if count > 1 else ""))
    return " → ".join(steps) or "-"


def table(rows: Sequence[Row]) -> Table:
    """Return the table of all requests."""
    made = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("persona", "mode", "streamed", "tool_choice", "served by", "failed before that", "call"):
        made.add_column(name, overflow="fold")
    made.add_column("ms", justify="right")
    for row in rows:
        case = row.case
        call = Text(row.problem or row.call, style="red" if row.problem else "green")
        made.add_row(
            case.persona,
            case.mode,
            "yes" if case.streamed else "no",
            case.choice,
            row.strategy,
            way(row.attempts),
            call,
            f"{row.ms:.0f}",
        )
    return made
