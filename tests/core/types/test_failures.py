"""A failure knows how it counts, and whether an upstream answered."""

import pytest
from toolgate_core.types.errors import FailureError, RequestError, ToolgateError
from toolgate_core.types.failures import Failure, FailureKind
from toolgate_core.types.vocabulary import RequestOutcome


@pytest.mark.parametrize(
    ("kind", "outcome"),
    [
        (FailureKind.INVALID, RequestOutcome.CLIENT_ERROR),
        (FailureKind.TIMEOUT, RequestOutcome.TIMEOUT),
        (FailureKind.BUSY, RequestOutcome.REJECTED),
    ],
)
def test_a_request_is_counted_by_the_kind_of_its_failure(kind: FailureKind, outcome: RequestOutcome) -> None:
    assert Failure(kind=kind, message="").outcome is outcome


@pytest.mark.parametrize(("origin", "answered"), [("503", True), ("connect_error", False), ("", False)])
def test_an_upstream_has_answered_if_a_status_came(origin: str, answered: bool) -> None:
    assert Failure(kind=FailureKind.ERROR, message="", origin=origin).answered is answered


def test_an_error_carries_its_failure_and_reads_as_its_message() -> None:
    error = RequestError("No.", param="n", code="c", kind=FailureKind.NOT_FOUND)
    assert isinstance(error, FailureError)
    assert isinstance(error, ToolgateError)
    assert error.failure == Failure(kind=FailureKind.NOT_FOUND, message="No.", param="n", code="c")
    assert (str(error), error.message, error.param, error.code) == ("No.", "No.", "n", "c")
