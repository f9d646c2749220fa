"""Every kind of failure has a row, and a status, type and headers in every API format."""

import json

import pytest
from toolgate_core.types.failures import Failure, FailureKind
from toolgate_core.types.vocabulary import RequestOutcome
from toolgate_formats.api.anthropic_messages import errors as anthropic
from toolgate_formats.api.failures import FAILURES, code_of, retry_headers
from toolgate_formats.api.openai_chat import errors as openai

INVALID, SERVER, LIMIT = "invalid_request_error", "server_error", "rate_limit_error"

# The words of docs/errors.md: kind, status, OpenAI's type, Anthropic's type, default code, outcome.
ROWS = [
    (FailureKind.INVALID, 400, INVALID, INVALID, None, RequestOutcome.CLIENT_ERROR),
    (FailureKind.UNAUTHENTICATED, 401, INVALID, "authentication_error", None, RequestOutcome.CLIENT_ERROR),
    (FailureKind.FORBIDDEN, 403, INVALID, "permission_error", None, RequestOutcome.CLIENT_ERROR),
    (FailureKind.NOT_FOUND, 404, INVALID, "not_found_error", None, RequestOutcome.CLIENT_ERROR),
    (FailureKind.METHOD_NOT_ALLOWED, 405, INVALID, INVALID, "method_not_allowed", RequestOutcome.CLIENT_ERROR),
    (FailureKind.TOO_SLOW, 408, INVALID, INVALID, "request_timeout", RequestOutcome.CLIENT_ERROR),
    (FailureKind.CONFLICT, 409, INVALID, INVALID, None, RequestOutcome.CLIENT_ERROR),
    (FailureKind.GONE, 400, INVALID, INVALID, None, RequestOutcome.CLIENT_ERROR),
    (FailureKind.TOO_LARGE, 413, INVALID, "request_too_large", None, RequestOutcome.CLIENT_ERROR),
    (FailureKind.URL_TOO_LONG, 414, INVALID, INVALID, "url_too_long", RequestOutcome.CLIENT_ERROR),
    (FailureKind.UNSUPPORTED_MEDIA, 415, INVALID, INVALID, None, RequestOutcome.CLIENT_ERROR),
    (FailureKind.UNPROCESSABLE, 422, INVALID, INVALID, None, RequestOutcome.CLIENT_ERROR),
    (FailureKind.TOO_MANY_AHEAD, 429, INVALID, "rate_limit_error", "pipeline_full", RequestOutcome.CLIENT_ERROR),
    (FailureKind.HEAD_TOO_LARGE, 431, INVALID, INVALID, "head_too_large", RequestOutcome.CLIENT_ERROR),
    (FailureKind.WRONG_METHOD, 400, INVALID, INVALID, None, RequestOutcome.CLIENT_ERROR),
    (FailureKind.NO_ENDPOINT, 502, SERVER, "api_error", "upstream_error", RequestOutcome.UPSTREAM_ERROR),
    (FailureKind.CREDENTIAL, 502, SERVER, "api_error", "upstream_credential", RequestOutcome.UPSTREAM_ERROR),
    (FailureKind.LIMITED, 429, LIMIT, "rate_limit_error", "rate_limit_exceeded", RequestOutcome.UPSTREAM_ERROR),
    (FailureKind.OVERLOADED, 503, SERVER, "overloaded_error", "upstream_overloaded", RequestOutcome.UPSTREAM_ERROR),
    (FailureKind.UNREACHABLE, 502, SERVER, "api_error", "upstream_unreachable", RequestOutcome.UPSTREAM_ERROR),
    (FailureKind.CUT, 502, SERVER, "api_error", "upstream_error", RequestOutcome.UPSTREAM_ERROR),
    (FailureKind.TIMEOUT, 504, SERVER, "timeout_error", "upstream_timeout", RequestOutcome.TIMEOUT),
    (FailureKind.ERROR, 502, SERVER, "api_error", "upstream_error", RequestOutcome.UPSTREAM_ERROR),
    (FailureKind.BUSY, 503, SERVER, "overloaded_error", "overloaded", RequestOutcome.REJECTED),
    (FailureKind.UNAVAILABLE, 503, SERVER, "overloaded_error", "service_unavailable", RequestOutcome.UPSTREAM_ERROR),
    (FailureKind.SHUTTING_DOWN, 503, SERVER, "overloaded_error", "shutting_down", RequestOutcome.CANCELLED),
    (FailureKind.DEADLINE, 504, SERVER, "timeout_error", "timeout", RequestOutcome.TIMEOUT),
    (FailureKind.EXHAUSTED, 502, SERVER, "api_error", "tool_call_unavailable", RequestOutcome.EXHAUSTED),
    (FailureKind.INTERNAL, 500, SERVER, "api_error", "internal_error", RequestOutcome.UPSTREAM_ERROR),
]
WAITS = {
    FailureKind.LIMITED,
    FailureKind.OVERLOADED,
    FailureKind.BUSY,
    FailureKind.UNAVAILABLE,
    FailureKind.SHUTTING_DOWN,
}


def test_every_kind_has_one_row_and_every_row_a_kind() -> None:
    assert set(FAILURES) == set(FailureKind)
    assert [row[0] for row in ROWS] == list(FailureKind)


@pytest.mark.parametrize(("kind", "status", "type_", "anthropic_type", "code", "outcome"), ROWS)
def test_a_failure_is_written_as_its_kind_says(
    kind: FailureKind, status: int, type_: str, anthropic_type: str, code: str | None, outcome: RequestOutcome
) -> None:
    failure = Failure(kind=kind, message="No.", param="n")
    response = openai.error(failure)
    assert (response.status, json.loads(response.body)) == (
        status,
        {"error": {"message": "No.", "type": type_, "param": "n", "code": code}},
    )
    theirs = anthropic.error(failure)
    assert (theirs.status, json.loads(theirs.body)) == (
        status,
        {"type": "error", "error": {"type": anthropic_type, "message": "No.", "param": "n", "code": code}},
    )
    waits = ((b"retry-after", b"1"),) if kind in WAITS else ()
    assert (response.headers, theirs.headers, failure.outcome) == (waits, waits, outcome)


def test_an_upstreams_code_is_shown_only_where_it_is_about_the_request() -> None:
    shown = {kind for kind in FailureKind if code_of(Failure(kind=kind, message="", code="own")) == "own"}
    hidden = {"no_endpoint", "credential", "overloaded", "unreachable", "timeout", "error"}
    assert set(FailureKind) - shown == {FailureKind(kind) for kind in hidden}


def test_the_headers_say_whether_and_when_to_try_again() -> None:
    failure = Failure(kind=FailureKind.LIMITED, message="", retry_after_s=7, retry_after_ms=6500, should_retry=True)
    assert retry_headers(failure) == (
        (b"retry-after", b"7"),
        (b"retry-after-ms", b"6500"),
        (b"x-should-retry", b"true"),
    )
    failure = Failure(kind=FailureKind.EXHAUSTED, message="", should_retry=False)
    assert retry_headers(failure) == ((b"x-should-retry", b"false"),)


def test_the_event_that_ends_an_anthropic_stream_has_a_name() -> None:
    event = anthropic.error_event(Failure(kind=FailureKind.CUT, message="It was cut."))
    assert event.startswith(b"event: error\ndata: {")
    assert event.endswith(b"}\n\n")
