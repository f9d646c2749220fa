"""The plan: what whoever reads an answer must know about how it was asked for. Nothing is guessed twice."""

from __future__ import annotations

from msgspec import Struct

from toolgate_core.types.vocabulary import AnswerForm, Strategy


class Plan(Struct, frozen=True, kw_only=True):
    """How one attempt's answer is to be read.

    Attributes:
        strategy: the strategy that asked.
        form: what the answer is.
        dialect: the dialect to extract with: a name of the table, `auto` (leaked markup of any text dialect that
            cannot occur in prose), or `decision`.
        reasoning_open: the answer begins inside reasoning (the prompt ends with an opened think block).
        names: upstream's tool name → declared name, where they differ.
        stop: the client's stop strings that were taken out of the request and apply to the text of the answer.
        parallel: more than one call may come.
        constrained: the upstream was asked to enforce the form by a grammar.
    """

    strategy: Strategy
    form: AnswerForm
    dialect: str = "auto"
    reasoning_open: bool = False
    names: dict[str, str] = {}
    stop: tuple[str, ...] = ()
    parallel: bool = True
    constrained: bool = False


class ScannerState(Struct, frozen=True):
    """Where a scanner stood when it hit a marker, so that an extraction can go on as if it had read from the start.

    Attributes:
        fence: the open code fence (for instance three backticks), empty outside of one.
        ticks: the length of the open inline code span's run of backticks, 0 outside of one.
        line: the current line up to the held text (at most its first 256 characters), which tells a fence from ticks.
        started: text other than white space has passed.
    """

    fence: str = ""
    ticks: int = 0
    line: str = ""
    started: bool = False
