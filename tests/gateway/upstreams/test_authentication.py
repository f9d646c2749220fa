"""How a key is sent, and that it is shown nowhere."""

import pytest
from toolgate_gateway.upstreams.authentication import (
    BearerKey,
    HeaderKey,
    NoAuthentication,
    authentication,
    header_secrets,
)
from toolgate_gateway.upstreams.config import UpstreamConfig
from toolgate_gateway.upstreams.table import PROVIDERS, ProviderSpec, create_provider

KEY = "sesame-open-123"


@pytest.mark.parametrize(
    ("key", "header", "kind", "headers"),
    [
        (None, "", NoAuthentication, {}),
        ("", "x-api-key", NoAuthentication, {}),
        (KEY, "", BearerKey, {"Authorization": f"Bearer {KEY}"}),
        (KEY, "x-api-key", HeaderKey, {"x-api-key": KEY}),
    ],
)
def test_a_key_is_sent_as_configured(key: str | None, header: str, kind: type, headers: dict[str, str]) -> None:
    made = authentication(key, header)
    assert (type(made), dict(made.headers())) == (kind, headers)
    assert made.secrets() == ((key,) if key else ())
    assert KEY not in repr(made)


@pytest.mark.parametrize("key", ["a\r\nx-evil: 1", "a\nb", "a\x00b"])
@pytest.mark.parametrize("header", ["", "x-api-key"])
def test_a_key_with_a_line_break_is_refused_unquoted(key: str, header: str) -> None:
    with pytest.raises(ValueError, match="control character") as caught:
        authentication(key, header)
    assert "evil" not in str(caught.value)


@pytest.mark.parametrize("header", ["x key", "x-key:", "schlüssel", "a\nb"])
def test_a_name_that_is_not_of_a_header_is_refused(header: str) -> None:
    with pytest.raises(ValueError, match="not a header name") as caught:
        authentication(KEY, header)
    assert KEY not in str(caught.value)


def test_long_values_of_headers_count_as_secrets() -> None:
    headers = {"Authorization": f"Basic {KEY}", "x-team": "ml", "x-long": "abcdefgh"}
    assert header_secrets(headers) == (f"Basic {KEY}", KEY, "abcdefgh")


def test_a_configuration_shows_neither_keys_nor_headers() -> None:
    config = UpstreamConfig(name="u", url="http://h", authentication=BearerKey(KEY), headers={"x": KEY})
    assert KEY not in f"{config!r}{config}"
    assert config.secrets == (KEY, KEY, "h")


def test_a_provider_whose_codec_has_no_row_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PROVIDERS, "half", ProviderSpec(codec="smoke"))
    with pytest.raises(ValueError, match="provider 'half' has an unknown codec 'smoke', known are openai_chat"):
        create_provider(UpstreamConfig(name="u", url="http://h", provider="half"))
