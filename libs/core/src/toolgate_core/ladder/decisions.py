"""What follows the end of an attempt, as a table: how it ended and what the client has been sent decide.

Nothing is ever taken back from a client; decision 006 says what follows from that. `FOLLOW` is that decision, row by
row, and `AT_THE_END` says with what a run ends when no attempt may follow. The ladder looks up and obeys: a rule about
what may follow an attempt is here or nowhere. `tests/core/ladder/test_decisions.py` walks every row.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple

from toolgate_core.types.requests import ToolChoiceMode
from toolgate_core.types.vocabulary import AttemptOutcome


class Ending(StrEnum):
    """How an attempt ended: the rows of the table."""

    TOOL = "tool"
    """A valid call came."""
    TEXT = "text"
    """Legitimate text came."""
    UNCONFIRMED_TEXT = "unconfirmed_text"
    """Legitimate text came, which another strategy has to confirm; it is held."""
    CONFIRMING_TEXT = "confirming_text"
    """The strategy that was asked for a decision says that text is the answer."""
    NO_TOOL_CALL = "no_tool_call"
    PARSE_ERROR = "parse_error"
    SCHEMA_INVALID = "schema_invalid"
    UNKNOWN_TOOL = "unknown_tool"
    TRUNCATED = "truncated"
    """The token limit cut the answer."""
    REFUSED = "refused"
    """The upstream does not take the request in this form."""
    REFUSED_FOR_GOOD = "refused_for_good"
    """The upstream takes the request in no form."""
    UPSTREAM_ERROR = "upstream_error"
    """The upstream failed, and may fare better with another request."""
    UPSTREAM_DOWN = "upstream_down"
    """The upstream fails every request: credential, rate limit, overload, no connection."""
    TIMEOUT = "timeout"
    """The upstream sent nothing in time."""


class Sent(StrEnum):
    """What the client has been sent when an attempt ends: the columns of the table."""

    NOTHING = "nothing"
    """Nothing, or reasoning alone, which any answer may follow."""
    TEXT = "text"
    """Text of this attempt."""
    EARLIER_TEXT = "earlier_text"
    """Text of an earlier attempt, which failed after it; this attempt may only add a call."""
    INVALID_TEXT = "invalid_text"
    """Text that turned out to violate the format that the client asked for."""
    CALL = "call"
    """A call, or the beginning of one."""


class Follow(StrEnum):
    """The next step after an attempt."""

    ANSWER = "answer"
    """The run ends, and the attempt is the answer."""
    CONFIRMED = "confirmed"
    """The run ends, and the text that was held is the answer."""
    WEAKER_FORM = "weaker_form"
    """The same strategy in a weaker form (no `strict`, no grammar, a simpler history); none left: the next strategy."""
    RETRY = "retry"
    """The same strategy again, which quotes the fault; no retry left by policy: the next strategy."""
    NEXT_STRATEGY = "next_strategy"
    """The next strategy; none left: the run ends by `AT_THE_END`."""
    NO_OTHER = "no_other"
    """No other attempt: the run ends by `AT_THE_END`."""
    FAIL = "fail"
    """The run ends with an error about what the model did wrong."""
    FAIL_UPSTREAM = "fail_upstream"
    """The run ends with the upstream's failure."""


class Row(NamedTuple):
    """What follows one ending, for each member of `Sent`."""

    nothing: Follow
    text: Follow
    earlier_text: Follow
    invalid_text: Follow
    call: Follow


_ANSWER, _RETRY, _NEXT, _FAIL = Follow.ANSWER, Follow.RETRY, Follow.NEXT_STRATEGY, Follow.FAIL
_WEAKER, _UPSTREAM, _CONFIRMED = Follow.WEAKER_FORM, Follow.FAIL_UPSTREAM, Follow.CONFIRMED

# A fault of the model, whichever: the same again, as long as a call may still repair it for the client.
_FAULT = Row(_RETRY, _RETRY, _RETRY, _FAIL, _FAIL)

# fmt: off
_ROWS: dict[Ending, Row] = {
    #                            nothing           text        earlier text  invalid text  call
    Ending.TOOL:             Row(_ANSWER,          _ANSWER,    _ANSWER,      _ANSWER,      _ANSWER),
    # Text after an earlier attempt's text: the two would read as one.
    Ending.TEXT:             Row(_ANSWER,          _ANSWER,    _RETRY,       _ANSWER,      _ANSWER),
    Ending.UNCONFIRMED_TEXT: Row(_NEXT,            _NEXT,      _RETRY,       _FAIL,        _ANSWER),
    Ending.CONFIRMING_TEXT:  Row(_CONFIRMED,       _CONFIRMED, _RETRY,       _FAIL,        _ANSWER),
    Ending.NO_TOOL_CALL:     _FAULT,
    Ending.PARSE_ERROR:      _FAULT,
    Ending.SCHEMA_INVALID:   _FAULT,
    Ending.UNKNOWN_TOOL:     _FAULT,
    # OpenAI answers a cut request so, too, and a client that set the limit expects `finish_reason: length`.
    Ending.TRUNCATED:        Row(_ANSWER,          _ANSWER,    _ANSWER,      _ANSWER,      _ANSWER),
    Ending.REFUSED:          Row(_WEAKER,          _UPSTREAM,  _WEAKER,      _UPSTREAM,    _UPSTREAM),
    # An earlier refusal or answer says more than one that only our prompt was too long for.
    Ending.REFUSED_FOR_GOOD: Row(Follow.NO_OTHER,  _UPSTREAM,  _UPSTREAM,    _UPSTREAM,    _UPSTREAM),
    Ending.UPSTREAM_ERROR:   Row(_RETRY,           _UPSTREAM,  _UPSTREAM,    _UPSTREAM,    _UPSTREAM),
    Ending.UPSTREAM_DOWN:    Row(_UPSTREAM,        _UPSTREAM,  _UPSTREAM,    _UPSTREAM,    _UPSTREAM),
    # Not the same again, which would take as long again.
    Ending.TIMEOUT:          Row(_NEXT,            _UPSTREAM,  _UPSTREAM,    _UPSTREAM,    _UPSTREAM),
}
# fmt: on
_ROWS_FORCED: dict[Ending, Row] = {
    **_ROWS,
    # A call is demanded, and another strategy may fit it into the limit. What has begun as a call stays open.
    Ending.TRUNCATED: Row(_NEXT, _NEXT, _NEXT, _FAIL, _ANSWER),
}

FOLLOW: Mapping[ToolChoiceMode, Mapping[Ending, Row]] = MappingProxyType(
    {"auto": _ROWS, "none": _ROWS, "required": _ROWS_FORCED, "named": _ROWS_FORCED}
)
"""What follows, by tool choice, ending, and what was sent."""


def follow(choice: ToolChoiceMode, ending: Ending, sent: Sent) -> Follow:
    """Return what follows the end of an attempt."""
    row = FOLLOW[choice][ending]
    result: Follow = getattr(row, sent)
    return result


OUTCOMES: Mapping[Ending, AttemptOutcome] = MappingProxyType(
    {
        Ending.TOOL: AttemptOutcome.SUCCESS_TOOL,
        Ending.TEXT: AttemptOutcome.SUCCESS_TEXT,
        # Until it is confirmed; then the record of the attempt is corrected.
        Ending.UNCONFIRMED_TEXT: AttemptOutcome.NO_TOOL_CALL,
        Ending.CONFIRMING_TEXT: AttemptOutcome.SUCCESS_TEXT,
        Ending.NO_TOOL_CALL: AttemptOutcome.NO_TOOL_CALL,
        Ending.PARSE_ERROR: AttemptOutcome.PARSE_ERROR,
        Ending.SCHEMA_INVALID: AttemptOutcome.SCHEMA_INVALID,
        Ending.UNKNOWN_TOOL: AttemptOutcome.UNKNOWN_TOOL,
        Ending.TRUNCATED: AttemptOutcome.TRUNCATED,
        Ending.REFUSED: AttemptOutcome.UNSUPPORTED,
        Ending.REFUSED_FOR_GOOD: AttemptOutcome.UPSTREAM_ERROR,
        Ending.UPSTREAM_ERROR: AttemptOutcome.UPSTREAM_ERROR,
        Ending.UPSTREAM_DOWN: AttemptOutcome.UPSTREAM_ERROR,
        Ending.TIMEOUT: AttemptOutcome.TIMEOUT,
    }
)
"""The outcome that is recorded of an attempt, by its ending."""


class LastResort(StrEnum):
    """How a run ends when no attempt may follow."""

    TRUNCATED = "truncated"
    """An empty answer with the reason `length`, where the last attempt was cut: an error would hide the cause."""
    BEST_TEXT = "best_text"
    """The best clean text of any attempt, marked degraded."""
    UPSTREAM_FAILURE = "upstream_failure"
    """The upstream's last error or its first refusal, where no attempt was answered."""
    UNAVAILABLE = "unavailable"
    """An error that says what the model did wrong. Always possible."""


_SENT_SOMETHING = (LastResort.UNAVAILABLE,)
_AUTO = (LastResort.BEST_TEXT, LastResort.UPSTREAM_FAILURE, LastResort.UNAVAILABLE)
_FORCED = (LastResort.TRUNCATED, LastResort.UPSTREAM_FAILURE, LastResort.UNAVAILABLE)

AT_THE_END: Mapping[ToolChoiceMode, tuple[LastResort, ...]] = MappingProxyType(
    {"auto": _AUTO, "none": _AUTO, "required": _FORCED, "named": _FORCED}
)
"""The ends of a run that has sent nothing, by tool choice; the first that is possible is taken."""


def last_resorts(choice: ToolChoiceMode, *, sent: bool) -> tuple[LastResort, ...]:
    """Return the possible ends of a run, best first; after content was `sent`, only an error is left."""
    return _SENT_SOMETHING if sent else AT_THE_END[choice]
