"""The plan: how to read the answer to one upstream request. It is made with the request and travels with it.

Whatever reads the answer (the ladder, the extractor in another process) uses the plan and guesses nothing again: two
guesses about the same text would disagree sooner or later.
"""

from __future__ import annotations

from msgspec import Struct

from toolgate_core.types.vocabulary import AnswerForm, Strategy


class Plan(Struct, frozen=True, kw_only=True):
    """How to read the answer of one attempt.

    Attributes:
        strategy: the strategy that made the request.
        form: the form of the answer.
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
    """The state of a scanner at its first marker: an extraction that begins there reads as if from the start.

    Attributes:
        fence: the open code fence (for instance three backticks), empty outside of one.
        ticks: the length of the open inline code span's run of backticks, 0 outside of one.
        line: the current line up to the held text, at most 256 characters: what makes a run of ticks a fence or not.
        started: text other than white space has passed.
    """

    fence: str = ""
    ticks: int = 0
    line: str = ""
    started: bool = False
