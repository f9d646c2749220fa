"""Keys of clients: what a file of them means, how it changes, and that no mistake in it opens the gateway."""

import asyncio
import sys
from pathlib import Path

import pytest
from toolgate_gateway.caller import ANONYMOUS
from toolgate_gateway.http.keys import ClientKeys, parse_keys
from toolgate_gateway.settings import GatewaySettings
from toolgate_runtime.logs import Log
from toolgate_runtime.settings import SettingsError, load

from tests.gateway.running import MODEL, QUESTION, gateway, text_answer


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("one\ntwo\n", ("one", "two")),
        ("one", ("one",)),
        ("# team-a, rotated in May\none\n\n   \n\t# two\nthree#3\r\n", ("one", "three#3")),
        ("\ufeffone\r\ntwo\r\n", ("one", "two")),
        ("  one  \n", ("one",)),
        ("#one\n##\none", ("one",)),
        ("clé\n", ("clé",)),
    ],
)
def test_a_file_contains_one_key_per_line(text: str, keys: tuple[str, ...]) -> None:
    assert parse_keys(text) == keys


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("one two\n", 1),
        ("one\n\n# c\nsecret # team-a\n", 4),
        ("one\ttwo", 1),
        ("one\nsec\u00a0ret", 2),
        ("one\nsec\x00ret", 2),
        ("one\rtwo", 1),
        ("one\nse\u2028cret", 2),
        ("one\nBearer secret", 2),
    ],
)
def test_a_wrong_line_is_named_and_not_shown(text: str, line: int) -> None:
    with pytest.raises(ValueError, match=f"line {line}:") as caught:
        parse_keys(text)
    assert "ret" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "\n", "# only a comment\n", "   \n\t\n", "\ufeff", "\ufeff# x"])
def test_a_file_without_a_key_is_wrong(text: str) -> None:
    with pytest.raises(ValueError, match="no key"):
        parse_keys(text)


@pytest.mark.parametrize(
    ("contents", "said"),
    [
        (b"", "the file contains no key"),
        (b"# comment\n", "the file contains no key"),
        (b"one\nsec ret\n", "line 2:"),
        (b"\xff\xfe", "not UTF-8"),
        (b"a" * 2_000_000, "larger than"),
    ],
)
async def test_a_wrong_file_stops_the_start_with_status_2(contents: bytes, said: str, tmp_path: Path) -> None:
    (tmp_path / "keys").write_bytes(contents)
    environment = {"TOOLGATE_METRICS": "false", "TOOLGATE_PORT": "0", "TOOLGATE_API_KEYS_FILE": str(tmp_path / "keys")}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "toolgate_gateway", env=environment, cwd=tmp_path, stderr=asyncio.subprocess.PIPE
    )
    _, stderr = await process.communicate()
    assert process.returncode == 2
    [line] = stderr.decode().strip().splitlines()
    assert "TOOLGATE_API_KEYS_FILE" in line
    assert said in line
    assert "ret" not in line


@pytest.mark.parametrize("value", ["", " ", ",", " , ", "[]", '[""]', "one,two three", '["one", " "]'])
def test_a_variable_without_a_key_or_with_more_than_one_is_wrong(
    value: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TOOLGATE_API_KEYS", value)
    with pytest.raises(SettingsError, match="TOOLGATE_API_KEYS"):
        load(GatewaySettings)


@pytest.mark.parametrize("value", ["one,two", "one, two ,", '["one", "two"]'])
def test_a_variable_lists_keys(value: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TOOLGATE_API_KEYS", value)
    assert load(GatewaySettings).client_keys() == ("one", "two")


@pytest.mark.parametrize(
    ("authorization", "api_key", "let_in"),
    [
        (b"Bearer one", None, True),
        (b"bearer  one ", None, True),
        (None, b"one", True),
        (None, b" two ", True),
        (b"Bearer wrong", b"two", True),
        (b"Bearer one", b"wrong", True),
        (None, None, False),
        (b"", b"", False),
        (b"Bearer", None, False),
        (b"Bearer ", b" ", False),
        (b"Basic one", None, False),
        (b"one", None, False),
        (b"Bearer onetwo", None, False),
        (b"Bearer on", b"o", False),
        (b"Bearer #", b"rotated", False),
    ],
)
def test_a_key_is_sent_as_bearer_or_as_x_api_key(
    authorization: bytes | None, api_key: bytes | None, let_in: bool, tmp_path: Path
) -> None:
    (tmp_path / "keys").write_text("# team-a, rotated in May\ntwo\n")
    keys = ClientKeys(("one",), tmp_path / "keys", Log())
    assert (keys.authenticate(authorization, api_key) is not None) is let_in


def test_without_configured_keys_callers_are_anonymous() -> None:
    keys = ClientKeys((), None, Log())
    assert not keys.required
    assert keys.authenticate(None, None) == ANONYMOUS


async def test_a_changed_file_is_reloaded_and_a_broken_one_is_ignored(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text("old\n")
    async with gateway(text_answer("Hi."), api_keys_file=file) as running:

        async def let_in(key: str) -> bool:
            response = await running.http.get(f"{running.url}/v1/models", headers={"x-api-key": key})
            return response.status_code == 200

        assert [await let_in("old"), await let_in("new")] == [True, False]
        file.write_text("# rotated\nnew\n")
        assert [await let_in("old"), await let_in("new"), await let_in("rotated")] == [False, True, False]
        for broken in ("", "# nothing\n", "a b\n"):
            file.write_text(broken)
            assert [await let_in("new"), await let_in("a"), await let_in("")] == [True, False, False]
        file.unlink()
        assert [await let_in("new"), await let_in("")] == [True, False]
        other = tmp_path / "next"
        other.write_text("last\n")
        other.replace(file)
        assert [await let_in("new"), await let_in("last")] == [False, True]


async def test_health_names_upstreams_only_to_callers_with_a_key() -> None:
    async with gateway(api_keys=["right"]) as running:
        for headers, named in (({}, False), ({"x-api-key": "wrong"}, False), ({"authorization": "Bearer right"}, True)):
            page = (await running.http.get(f"{running.url}/health", headers=headers)).json()
            assert {"status", "service", "version", "mode", "timestamp"} <= page.keys()
            assert ("upstreams" in page, "services" in page) == (named, named)


async def test_an_official_client_is_accepted_by_its_key(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text("# comment\nfrom-file\n")
    async with gateway(text_answer("Hi."), api_keys=["listed"], api_keys_file=tmp_path / "keys") as running:
        for key in ("listed", "from-file"):
            reply = await running.openai(api_key=key).chat.completions.create(model=MODEL, messages=QUESTION)  # type: ignore[arg-type]
            assert reply.choices[0].message.content == "Hi."


@pytest.mark.parametrize(
    ("host", "keys", "warned"), [("0.0.0.0", "", True), ("0.0.0.0", "k", False), ("127.0.0.1", "", False)]
)
async def test_a_reachable_gateway_without_keys_warns_once(host: str, keys: str, warned: bool, tmp_path: Path) -> None:
    environment = {"TOOLGATE_METRICS": "false", "TOOLGATE_PORT": "0", "TOOLGATE_HOST": host}
    environment |= {"TOOLGATE_API_KEYS": keys} if keys else {}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "toolgate_gateway", env=environment, cwd=tmp_path, stderr=asyncio.subprocess.PIPE
    )
    assert process.stderr is not None
    lines: list[bytes] = []
    while b'"serving"' not in b"".join(lines):
        lines.append(await process.stderr.readline())
    process.terminate()
    lines.append(await process.stderr.read())
    await process.wait()
    assert b"".join(lines).count(b'"no_api_keys"') == warned
