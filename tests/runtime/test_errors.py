"""One table: core error, `ServiceError`, gRPC status."""

from __future__ import annotations

import grpc
import pytest
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo
from grpc.aio import AioRpcError, Metadata
from toolgate_core.jsontext import JsonTextError
from toolgate_core.types.errors import RequestError
from toolgate_runtime.errors import (
    ERRORS,
    REASONS,
    STATUS_KEY,
    UnknownDialectError,
    WireError,
    from_rpc_error,
    service_error,
    to_status,
    translate,
    translated,
)
from toolgate_runtime.ports import ServiceError


def facts(error: ServiceError) -> tuple[str, str, str, bool, str | None]:
    return error.service, error.reason, error.message, error.retryable, error.field


def failed(code: grpc.StatusCode, details: str = "", content: bytes | None = None) -> AioRpcError:
    trailing = Metadata() if content is None else Metadata((STATUS_KEY, content))
    return AioRpcError(code, Metadata(), trailing, details=details)


@pytest.mark.parametrize("reason", REASONS)
@pytest.mark.parametrize("field", [None, "tools[0].function.name"])
def test_a_service_error_crosses_as_a_status_and_comes_back_the_same(reason: str, field: str | None) -> None:
    error = service_error("extractor", reason, "what is wrong", field=field)
    status = to_status(error)
    back = from_rpc_error("extractor", failed(REASONS[reason].code, "what is wrong", status.SerializeToString()))
    assert status.code == REASONS[reason].code.value[0]
    assert facts(back) == facts(error)


def test_details_are_error_info_and_bad_request() -> None:
    status = to_status(service_error("extractor", "INVALID_REQUEST", "no name", field="tools[0]"))
    info, bad = ErrorInfo(), BadRequest()
    assert [detail.Unpack(kind) for detail, kind in zip(status.details, (info, bad), strict=True)] == [True, True]
    assert info == ErrorInfo(reason="INVALID_REQUEST", domain="toolgate")
    assert bad == BadRequest(field_violations=[BadRequest.FieldViolation(field="tools[0]", description="no name")])


@pytest.mark.parametrize(
    ("code", "details", "reason"),
    [
        (grpc.StatusCode.UNAVAILABLE, "Socket closed", "UNAVAILABLE"),
        (grpc.StatusCode.DEADLINE_EXCEEDED, "", "DEADLINE"),
        (grpc.StatusCode.CANCELLED, "", "CANCELLED"),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, "Received message larger than max (5 vs. 4)", "MESSAGE_TOO_LARGE"),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, "Concurrent RPC limit exceeded!", "OVERLOADED"),
        (grpc.StatusCode.UNIMPLEMENTED, "Method not found!", "INTERNAL"),
        (grpc.StatusCode.INTERNAL, "Internal error from Core", "UNAVAILABLE"),
        (grpc.StatusCode.INTERNAL, "anything else", "INTERNAL"),
        (grpc.StatusCode.UNKNOWN, "a stranger's text", "INTERNAL"),
    ],
)
def test_a_status_without_details_is_known_by_its_code(code: grpc.StatusCode, details: str, reason: str) -> None:
    error = from_rpc_error("extractor", failed(code, details))
    assert (error.reason, error.retryable) == (reason, REASONS[reason].retryable)
    assert not details or details not in error.message


def test_details_of_another_domain_and_broken_ones_count_as_none() -> None:
    status = to_status(service_error("extractor", "INVALID_JSON", "text"))
    info = ErrorInfo(reason="INVALID_JSON", domain="elsewhere")
    status.details[0].Pack(info)
    assert from_rpc_error("e", failed(grpc.StatusCode.UNKNOWN, "", status.SerializeToString())).reason == "INTERNAL"
    assert from_rpc_error("e", failed(grpc.StatusCode.UNAVAILABLE, "", b"\xff\xff")).reason == "UNAVAILABLE"


@pytest.mark.parametrize(
    ("raised", "expected"),
    [
        (RequestError("bad tool", param="tools[0]"), ("x", "INVALID_REQUEST", "bad tool", False, "tools[0]")),
        (JsonTextError("truncated"), ("x", "INVALID_JSON", "truncated", False, None)),
        (WireError("plan is not set"), ("x", "INVALID_MESSAGE", "plan is not set", False, None)),
        (UnknownDialectError("unknown dialect 'q'"), ("x", "UNKNOWN_DIALECT", "unknown dialect 'q'", False, None)),
        (TimeoutError(), ("x", "DEADLINE", "deadline", True, None)),
    ],
)
def test_errors_of_the_core_have_a_reason(raised: Exception, expected: object) -> None:
    with pytest.raises(ServiceError) as caught, translated("x"):
        raise raised
    assert facts(caught.value) == expected
    assert caught.value.__cause__ is raised


def test_a_defect_is_logged_and_crosses_without_its_text(caplog: pytest.LogCaptureFixture) -> None:
    assert facts(translate("x", LookupError("secret"))) == ("x", "INTERNAL", "internal error", False, None)
    (record,) = caplog.records
    assert record.exc_info is not None
    assert str(record.exc_info[1]) == "secret"


def test_a_service_error_passes_unchanged() -> None:
    error = service_error("inner", "UNAVAILABLE", "gone")
    assert translate("outer", error) is error


def test_every_row_leads_to_a_reason_of_the_table() -> None:
    assert set(ERRORS.values()) <= REASONS.keys()
