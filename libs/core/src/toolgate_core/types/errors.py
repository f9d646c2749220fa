"""Errors of the core. What a model does wrong is never one of them: that is a `Fault`.

ToolgateError
└── RequestError     the client's request is at fault: status, code and param say how
"""

from __future__ import annotations


class ToolgateError(Exception):
    """Base of every error that this project raises on purpose."""


class RequestError(ToolgateError):
    """The client's request is at fault.

    `status`, `code`, `param` and the message go into OpenAI's error object; `param` names the field as OpenAI does
    (`tools[0].function.name`). The type is always `invalid_request_error`.
    """

    def __init__(self, message: str, *, param: str | None = None, code: str | None = None, status: int = 400) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.code = code
        self.status = status
