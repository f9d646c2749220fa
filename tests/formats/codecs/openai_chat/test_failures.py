"""Errors of every known form become failures, and quotations of the request count for nothing."""

from __future__ import annotations

import json

import pytest
from toolgate_core.jsontext import JsonValue
from toolgate_core.types.failures import Failure, FailureKind, RefusedPart
from toolgate_formats.codecs.base import upstream_failure
from toolgate_formats.codecs.openai_chat.failures import ErrorBody, FailureTable, normalise, retry_after
from toolgate_formats.codecs.openai_chat.quoting import proper_message
from toolgate_formats.redaction import Redactor

TABLE = FailureTable(Redactor(()))
UNSUPPORTED = "This model does not support tools."


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"error": {"message": "No.", "code": 400, "param": "stop"}}, ErrorBody("No.", "400", "stop")),
        ({"error": "No."}, ErrorBody("No.")),
        ({"error": 7}, ErrorBody()),
        ({"errors": [{"message": "No."}]}, ErrorBody("No.")),
        ([{"error": {"message": "No.", "code": True}}], ErrorBody("No.")),
        ([], ErrorBody()),
        ({"detail": "No."}, ErrorBody("No.")),
        ({"detail": [{"loc": ["body", "stop", 0], "msg": "No."}]}, ErrorBody("stop.0: No.", None, "stop.0")),
        ({"detail": [{"msg": "No."}, "what", {"loc": ["n"], "msg": "Nor."}]}, ErrorBody("No.; n: Nor.", None, "n")),
        ({"message": {"detail": [{"loc": ["n"], "msg": "No."}]}}, ErrorBody("n: No.", None, "n")),
        ({"object": "error", "message": "No.", "param": 1}, ErrorBody("No.")),
        ({"message": 1}, ErrorBody()),
    ],
)
def test_an_error_of_any_form_is_read(value: JsonValue, expected: ErrorBody) -> None:
    assert normalise(json.dumps(value).encode()) == expected


def test_a_body_that_is_no_json_has_no_error() -> None:
    assert normalise(b"<html>") == ErrorBody()


def failure(status: int, message: str, sent: bytes = b"", code: str | None = None) -> tuple[object, ...]:
    """What the failure of an error says of the request."""
    body = json.dumps({"error": {"message": message, "code": code}}).encode()
    found = TABLE.from_status(status, body, {}, sent)
    return found.kind, found.refused, found.code


@pytest.mark.parametrize(
    ("status", "message", "expected"),
    [
        (400, UNSUPPORTED, (FailureKind.INVALID, RefusedPart.FEATURE, None)),
        (400, "failed to parse grammar", (FailureKind.INVALID, RefusedPart.SCHEMA, None)),
        (501, "What?", (FailureKind.INVALID, RefusedPart.FEATURE, None)),
        (500, UNSUPPORTED, (FailureKind.INVALID, RefusedPart.FEATURE, None)),
        (500, "Oops.", (FailureKind.ERROR, None, None)),
        (405, UNSUPPORTED, (FailureKind.WRONG_METHOD, RefusedPart.REQUEST, None)),
        (404, "Not Found", (FailureKind.NO_ENDPOINT, None, None)),
        (404, "The model is unknown.", (FailureKind.NOT_FOUND, RefusedPart.REQUEST, "model_not_found")),
        (
            400,
            "This model's maximum context length is 8 tokens.",
            (FailureKind.INVALID, RefusedPart.REQUEST, "context_length_exceeded"),
        ),
    ],
)
def test_status_and_words_say_what_is_refused(status: int, message: str, expected: tuple[object, ...]) -> None:
    assert failure(status, message) == expected


ESCAPED = UNSUPPORTED.replace("t", "\\u0074")


@pytest.mark.parametrize(
    ("sent", "refused"),
    [
        (b"{}", RefusedPart.FEATURE),
        (json.dumps({"x": UNSUPPORTED}).encode(), RefusedPart.REQUEST),
        (f'{{"x":"{ESCAPED}"}}'.encode(), RefusedPart.REQUEST),
        (b'"\\u0074', RefusedPart.FEATURE),
        (b'"\\u0074 ' + UNSUPPORTED.encode(), RefusedPart.REQUEST),
    ],
)
def test_a_phrase_that_the_request_holds_is_a_quotation(sent: bytes, refused: RefusedPart) -> None:
    assert failure(400, UNSUPPORTED, sent) == (FailureKind.INVALID, refused, None)


@pytest.mark.parametrize(
    ("error", "kind", "refused", "origin"),
    [
        ({"error": {"message": "Oops."}}, FailureKind.ERROR, None, "500"),
        ({"error": {"message": UNSUPPORTED}}, FailureKind.ERROR, None, "500"),
        ({"error": {"message": UNSUPPORTED, "code": 400}}, FailureKind.INVALID, RefusedPart.SCHEMA, "400"),
        ({"error": {"message": "Busy.", "code": "503"}}, FailureKind.OVERLOADED, None, "503"),
    ],
)
def test_an_error_with_status_200_has_the_status_in_its_code(
    error: JsonValue, kind: FailureKind, refused: RefusedPart | None, origin: str
) -> None:
    found = TABLE.from_answer(error)
    assert (found.kind, found.refused, found.origin) == (kind, refused, origin)


def test_an_error_that_cannot_be_read_says_so() -> None:
    expected = upstream_failure(FailureKind.ERROR, "The upstream sent an error that cannot be read.")
    assert TABLE.from_body(b"{") == expected


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("", None),
        ("2.2", 3),
        ("-5", 1),
        ("inf", None),
        ("soon", None),
        ("Thu, 01 Jan 1970 00:01:40 GMT", 90),
        ("Thu, 01 Jan 1970 00:01:40 -0000", None),
    ],
)
def test_a_wait_is_a_number_or_a_date(value: str, seconds: int | None) -> None:
    assert retry_after({"retry-after": value}, 10.0) == seconds


@pytest.mark.parametrize(("value", "expected"), [("1500.2", 1501), ("-1", None), ("1e9", None), ("x", None)])
def test_a_wait_in_milliseconds_is_kept_within_a_day(value: str, expected: int | None) -> None:
    found = TABLE.from_status(429, b"", {"retry-after-ms": value, "x-should-retry": " TRUE "})
    assert found == Failure(
        kind=FailureKind.LIMITED,
        message="The upstream's rate limit is reached.",
        origin="429",
        retry_after_ms=expected,
        should_retry=True,
    )


@pytest.mark.parametrize(
    ("message", "own"),
    [
        ("Field 'stop' is wrong.", "Field stop is wrong."),
        ("Wrong: 'a text of the client, which is long'", "Wrong: "),
        ("Wrong: 'an open quotation", "Wrong: "),
        ("Cannot read {'role': 'user'} here", "Cannot read "),
        ("Choose one of [auto, none]", "Choose one of [auto, none]"),
        ('Wrong: {"a": 1}', "Wrong: "),
        (
            "[{'type': 'x', 'loc': ('body', 'tools', 0), 'msg': 'Value error, No.', 'input': {'msg': 'no'}}]",
            "tools: No.",
        ),
        (
            "[{'msg': 'One.', 'loc': ()}, {'loc': (), 'msg': \"It isn\\'t.\"}]",
            "One.\nIt isn't.",
        ),
    ],
)
def test_what_a_message_quotes_is_left_out(message: str, own: str) -> None:
    assert proper_message(message) == own
