"""Which failures are tried again, how often, and after which pause: a table."""

import pytest
from toolgate_core.types.failures import Failure, FailureKind
from toolgate_formats.codecs.base import upstream_failure
from toolgate_gateway.upstreams.retries import REPLICA_RETRIES, RESET, Backoff, Retries, RetryPolicy

CONNECT = upstream_failure(FailureKind.UNREACHABLE, "No connection.")
BROKEN = upstream_failure(FailureKind.UNREACHABLE, "The connection broke.", code=RESET)
CUT = upstream_failure(FailureKind.CUT, "The answer was cut.")
SLOW = upstream_failure(FailureKind.TIMEOUT, "Silence.")


def answered(kind: FailureKind, status: str, *, should_retry: bool | None = None) -> Failure:
    return Failure(kind=kind, message="It failed.", origin=status, should_retry=should_retry)


ERROR = answered(FailureKind.ERROR, "500")
FULL = answered(FailureKind.OVERLOADED, "503")
ONE_SERVER = RetryPolicy(connects=2, errors=1)
PAUSE = 0.05


@pytest.mark.parametrize(
    ("failures", "pauses"),
    [
        ([CONNECT, CONNECT, CONNECT], [PAUSE, PAUSE, None]),
        # A pooled connection that was stale; a second break was the request.
        ([BROKEN, BROKEN], [PAUSE, None]),
        # A server that restarts after a break refuses connections for a moment.
        ([BROKEN, CONNECT, CONNECT], [PAUSE, PAUSE, None]),
        ([CONNECT, BROKEN, BROKEN], [PAUSE, PAUSE, None]),
        ([ERROR, ERROR], [0.0, None]),
        ([answered(FailureKind.ERROR, "502")], [0.0]),
        ([answered(FailureKind.ERROR, "500", should_retry=False)], [None]),
        ([answered(FailureKind.ERROR, "500", should_retry=True)], [0.0]),
        ([answered(FailureKind.ERROR, "505")], [None]),
        ([CONNECT, ERROR, CONNECT, ERROR], [PAUSE, 0.0, PAUSE, None]),
        *(([failure], [None]) for failure in (FULL, CUT, SLOW, answered(FailureKind.LIMITED, "429"))),
        *(
            ([failure], [None])
            for failure in (answered(FailureKind.INVALID, "400"), answered(FailureKind.ERROR, "error"))
        ),
    ],
)
def test_one_server_is_asked_again_as_the_table_states(failures: list[Failure], pauses: list[float | None]) -> None:
    retries = Retries(ONE_SERVER)
    assert [retries.pause_s(failure, 0.1) for failure in failures] == pauses


@pytest.mark.parametrize(
    ("failures", "pauses"),
    [
        # (the failure, servers that were not asked yet)
        ([(CONNECT, 1), (CONNECT, 0), (CONNECT, 0)], [0.0, PAUSE, None]),
        ([(FULL, 1), (FULL, 0)], [0.0, None]),
        ([(FULL, 1), (CONNECT, 0), (FULL, 0)], [0.0, PAUSE, None]),
        ([(BROKEN, 1), (CONNECT, 1), (CONNECT, 1)], [0.0, 0.0, None]),
        ([(BROKEN, 1), (BROKEN, 1)], [0.0, None]),
        ([(ERROR, 1)], [None]),
        ([(answered(FailureKind.OVERLOADED, "503", should_retry=False), 1)], [None]),
    ],
)
def test_replicas_are_asked_in_turn_as_the_table_states(
    failures: list[tuple[Failure, int]], pauses: list[float | None]
) -> None:
    retries = Retries(REPLICA_RETRIES)
    assert [retries.pause_s(failure, 0.1, untried=untried) for failure, untried in failures] == pauses


@pytest.mark.parametrize("failure", [CONNECT, BROKEN])
def test_a_connection_that_fails_late_is_not_tried_again(failure: Failure) -> None:
    assert Retries(ONE_SERVER).pause_s(failure, 2.1) is None
    assert Retries(REPLICA_RETRIES).pause_s(failure, 2.1, untried=1) == 0.0
    assert Retries(REPLICA_RETRIES).pause_s(failure, 5.1, untried=1) is None


def test_an_overload_that_comes_late_is_not_tried_elsewhere() -> None:
    assert Retries(REPLICA_RETRIES).pause_s(FULL, 5.1, untried=1) is None


def test_without_retries_nothing_is_sent_again() -> None:
    for failure in (CONNECT, BROKEN, ERROR, FULL):
        assert Retries(RetryPolicy(connects=0)).pause_s(failure, 0.0) is None


def test_a_backoff_doubles_up_to_its_bound() -> None:
    backoff = Backoff(1.0, 30.0)
    assert [backoff.pause_s(failures) for failures in (0, 1, 2, 4, 5, 5000)] == [1, 2, 4, 16, 30, 30]
    assert [round(backoff.pause_s(0, jitter), 9) for jitter in (0.0, 0.5, 1.0)] == [0.8, 1.0, 1.2]
