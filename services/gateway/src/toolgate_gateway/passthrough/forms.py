"""Reads and replaces the field `model` of a form (`multipart/form-data`); all other bytes stay.

A form carries files of many megabytes, so it is searched in place, never parsed into parts.
"""

from __future__ import annotations

import re

from msgspec import Struct
from toolgate_core.limits import MAX_FORM_FIELDS, MAX_MODEL_NAME

_BOUNDARY = re.compile(r'multipart/form-data\s*;(?:.*;)?\s*boundary=(?:"([^"]{1,70})"|([^\s;"]{1,70}))', re.IGNORECASE)
_NAMED_MODEL = re.compile(rb'content-disposition:\s*form-data\s*;\s*name="?model"?\s*(?:\r\n|\Z)', re.IGNORECASE)
_MAX_PART_HEAD = 4096


class Span(Struct, frozen=True):
    """The range of the value of `model` in a form's bytes: `begin` inclusive, `end` exclusive."""

    begin: int
    end: int


def boundary_of(content_type: str) -> bytes | None:
    """Return the boundary of a form; None for another content type."""
    found = _BOUNDARY.match(content_type) if len(content_type) <= 1024 else None
    return (found[1] or found[2]).encode("latin-1") if found else None


def find_model(body: bytes, boundary: bytes) -> Span | None:
    """Return the range of the first field `model`; None if it is not among the first `MAX_FORM_FIELDS` fields."""
    line = b"--" + boundary
    at = body.find(line)
    for _ in range(MAX_FORM_FIELDS):
        if at < 0:
            return None
        head = at + len(line) + 2
        value = body.find(b"\r\n\r\n", head - 2, head + _MAX_PART_HEAD)
        at = body.find(b"\r\n" + line, head - 2)
        if value < 0 or at < 0:
            return None
        if _NAMED_MODEL.search(body, head, value + 2):
            begin = value + 4
            return Span(begin, max(begin, at))
        at += 2
    return None


def model_in(body: bytes, span: Span) -> str:
    """Return the model's name; an oversized one is cut to a length that later checks still reject."""
    return body[span.begin : min(span.end, span.begin + 4 * MAX_MODEL_NAME + 4)].decode(errors="replace").strip()


def with_model(body: bytes, span: Span, model: str) -> bytes:
    """Return the form with `model` as the model's name."""
    return body[: span.begin] + model.encode() + body[span.end :]
