"""Every codec reads the answers that its servers write, wherever the bytes are split, without a socket."""

from typing import Any

import pytest
from toolgate_core.types.chunks import ResponseChunk
from toolgate_core.types.errors import FailureError
from toolgate_core.types.failures import Failure, FailureKind
from toolgate_formats.codecs.base import Codec, Decoder, upstream_failure
from toolgate_formats.codecs.table import CODECS
from toolgate_formats.redaction import Redactor

from tests.formats.codecs.shapes import REQUIRED, body_of, content_type_of, failure_of, outcome_of, shapes_of
from tests.support.asking import asking

KEY = "top-secret-key"
QUESTION = asking({"model": "m", "messages": [{"role": "user", "content": "Hi"}]})
CUT = upstream_failure(FailureKind.CUT, "The connection broke.")


def codec_of(name: str) -> Codec:
    return CODECS[name](Redactor((KEY, "gpu.internal")))


def cases(*, chat: bool) -> list[Any]:
    """Shapes that reach a codec: all but those in which there is no answer at all."""
    return [
        pytest.param(codec, shape, id=f"{codec}: {shape['name']}")
        for codec in CODECS
        for shape in shapes_of(codec)
        if shape.get("then") not in ("silence", "refuse", "hang") and (shape.get("request") != "models") == chat
    ]


def read(codec: Codec, shape: dict[str, Any], parts: list[bytes]) -> list[ResponseChunk | Failure]:
    """What a decoder makes of the parts of a body."""
    decoder = codec.decoder(content_type_of(shape), stream=shape["stream"])
    if isinstance(decoder, Failure):
        return [decoder]
    return read_parts(decoder, parts, CUT if shape.get("then") == "cut" else None)


def read_parts(decoder: Decoder, parts: list[bytes], end: Failure | None) -> list[ResponseChunk | Failure]:
    decoded: list[ResponseChunk | Failure] = []
    for part in parts:
        decoded += decoder.feed(part)
        if decoded and (isinstance(decoded[-1], Failure) or decoded[-1].finish is not None):
            return decoded
    return decoded + list(decoder.close(end))


@pytest.mark.parametrize("name", CODECS)
def test_a_codec_has_every_required_shape(name: str) -> None:
    assert REQUIRED - {shape["name"] for shape in shapes_of(name)} == set()


@pytest.mark.parametrize(("name", "shape"), cases(chat=True))
def test_a_chat_answer_is_read_as_expected(name: str, shape: dict[str, Any]) -> None:
    codec, body = codec_of(name), body_of(shape)
    if shape.get("status", 200) != 200:
        failure = codec.failure(shape["status"], body, shape.get("headers", {}))
        assert failure_of(failure) == shape["expect"]
    else:
        assert outcome_of(read(codec, shape, [body])) == shape["expect"]


@pytest.mark.parametrize(("name", "shape"), cases(chat=True))
def test_a_split_anywhere_changes_nothing(name: str, shape: dict[str, Any]) -> None:
    if shape.get("status", 200) != 200:
        return
    codec, body = codec_of(name), body_of(shape)
    for cut in range(0, len(body), 7):
        parts = [part for part in (body[:cut], body[cut:]) if part]
        assert outcome_of(read(codec, shape, parts)) == shape["expect"]
    single = [body[at : at + 1] for at in range(len(body))]
    assert outcome_of(read(codec, shape, single)) == shape["expect"]


@pytest.mark.parametrize(("name", "shape"), cases(chat=False))
def test_a_list_of_models_is_read_as_expected(name: str, shape: dict[str, Any]) -> None:
    codec, body = codec_of(name), body_of(shape)
    if shape.get("status", 200) != 200:
        assert failure_of(codec.failure(shape["status"], body, {})) == shape["expect"]
        return
    models = codec.models(body)
    if isinstance(models, Failure):
        assert failure_of(models) == shape["expect"]
    else:
        assert {"models": [card["id"] for card in models]} == shape["expect"]


@pytest.mark.parametrize("name", CODECS)
def test_a_stream_is_complete_only_at_its_end(name: str) -> None:
    codec = codec_of(name)
    shape = next(shape for shape in shapes_of(name) if shape["name"] == "streamed")
    body = body_of(shape)
    for end in (len(body) // 2, len(body)):
        decoder = codec.decoder(content_type_of(shape), stream=True)
        assert not isinstance(decoder, Failure)
        decoder.feed(body[:end])
        assert decoder.complete == (end == len(body))


@pytest.mark.parametrize("name", CODECS)
@pytest.mark.parametrize("stream", [False, True])
def test_a_request_goes_to_a_path_without_a_key(name: str, stream: bool) -> None:
    request = codec_of(name).request(QUESTION, stream=stream)
    assert request.path.startswith("/")
    assert b"Hi" in request.body
    assert KEY not in f"{request.headers}{request.body!r}"


@pytest.mark.parametrize("name", CODECS)
def test_a_request_that_cannot_be_written_is_a_failure_of_the_request(name: str) -> None:
    unwritable = QUESTION.change(fields={"x": "\ud800"})
    with pytest.raises(FailureError) as caught:
        codec_of(name).request(unwritable, stream=False)
    assert caught.value.failure.refused is not None


@pytest.mark.parametrize("name", CODECS)
@pytest.mark.parametrize("status", [0, 400, 401, 404, 422, 429, 500, 503])
def test_no_failure_shows_a_key_or_a_host(name: str, status: int) -> None:
    codec = codec_of(name)
    text = f"key {KEY} at gpu.internal"
    body = f'{{"error": {{"message": "{text}", "code": "{KEY}", "param": "{KEY}", "type": "{KEY}"}}}}'.encode()
    failure = codec.failure(status, body, {"retry-after": KEY}) if status else codec.error(body)
    assert KEY not in repr(failure)
    assert "gpu.internal" not in repr(failure)


@pytest.mark.parametrize("name", CODECS)
def test_an_error_that_cannot_be_read_is_a_failure_of_the_upstream(name: str) -> None:
    assert codec_of(name).error(b"nope").kind is FailureKind.ERROR
