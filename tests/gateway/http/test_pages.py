"""Web pages: what a page that a user looks at can have the gateway do, and what it can not."""

from typing import Any

import pytest

from tests.gateway.running import MODEL, QUESTION, gateway, text_answer

CHAT = {"model": MODEL, "messages": QUESTION}
EVIL = {"origin": "http://evil.example"}
PAGES = [
    EVIL,
    {"origin": "null"},
    {"origin": "https://127.0.0.1.evil.example"},
    {"origin": "http://127.0.0.1:1"},
    {"sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "same-site"},
    {**EVIL, "sec-fetch-site": "same-origin"},
]


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("kind", ["text/plain", "application/json", None, "multipart/form-data; boundary=x"])
async def test_a_page_of_another_origin_cannot_use_tools(page: dict[str, str], kind: str | None) -> None:
    async with gateway() as running:
        headers = page | ({"content-type": kind} if kind else {})
        ran = await running.http.post(f"{running.url}/tools/echo", content=b'{"a":1}', headers=headers)
        assert ran.status_code in (403, 415)
        listed = await running.http.get(f"{running.url}/tools", headers=page)
        assert (listed.status_code, listed.json()["error"]["code"]) == (403, "origin_not_allowed")


@pytest.mark.parametrize("origins", [[], ["http://evil.example"], ["*"]])
async def test_cors_origins_do_not_open_tools(origins: list[str]) -> None:
    async with gateway(cors_origins=origins) as running:
        ran = await running.post({"a": 1}, "/tools/echo", **EVIL)
        assert ran.status_code == 403


async def test_same_origin_pages_and_plain_clients_can_run_tools() -> None:
    async with gateway() as running:
        for headers in ({"origin": running.url, "sec-fetch-site": "same-origin"}, {"sec-fetch-site": "none"}, {}):
            ran = await running.http.post(f"{running.url}/tools/echo", json={"a": 1}, headers=headers)
            assert (ran.status_code, ran.json()["content"]) == (200, '{"a":1}')
        # curl's own content type
        form = {"content-type": "application/x-www-form-urlencoded"}
        assert (await running.http.post(f"{running.url}/tools/echo", content=b"{}", headers=form)).status_code == 200


@pytest.mark.parametrize(
    "path", ["/v1/chat/completions", "/emulate/v1/chat/completions", "/passthrough/v1/chat/completions"]
)
@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize(
    "kind", ["text/plain", None, "text/plain; application/json", "application/x-www-form-urlencoded"]
)
async def test_a_page_cannot_chat_without_a_preflight(path: str, page: dict[str, str], kind: str | None) -> None:
    async with gateway(text_answer("Hi.")) as running:
        headers = page | ({"content-type": kind} if kind else {})
        response = await running.http.post(running.url + path, content=b'{"model":"m"}', headers=headers)
        assert response.status_code == 415
        assert running.chats() == []


async def test_a_plain_client_need_not_declare_its_content_type() -> None:
    async with gateway(text_answer("Hi.")) as running:
        body = b'{"model":"m","messages":[{"role":"user","content":"x"}]}'
        assert (await running.http.post(f"{running.url}/v1/chat/completions", content=body)).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8002",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "host.docker.internal.evil.example",
        "evil.internal",
        "a b",
        "[::1]x",
    ],
)
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/models", "/tools", "/stats"])
async def test_a_rebound_host_name_is_rejected(host: str, path: str) -> None:
    async with gateway(text_answer("Hi.")) as running:
        method = "POST" if "chat" in path else "GET"
        response = await running.http.request(
            method, running.url + path, json=CHAT if method == "POST" else None, headers={"host": host}
        )
        assert (response.status_code, response.json()["error"]["code"]) == (403, "host_not_allowed")
        assert running.chats() == []


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "LOCALHOST:1",
        "a.localhost:80",
        "127.0.0.1",
        "[::1]:8002",
        "10.1.2.3:9",
        "mine.example",
        "localhost.",
        "host.docker.internal:8002",
        "gateway.docker.internal",
        "host.containers.internal",
    ],
)
async def test_local_names_addresses_and_allowed_hosts_are_accepted(host: str) -> None:
    async with gateway(text_answer("Hi."), allowed_hosts=["mine.example"]) as running:
        assert (await running.http.get(f"{running.url}/v1/models", headers={"host": host})).status_code == 200
        assert (await running.http.get(f"{running.url}/livez", headers={"host": "any.example"})).status_code == 200


@pytest.mark.parametrize(
    ("settings", "headers"), [({"host": "0.0.0.0"}, {}), ({"api_keys": ["k"]}, {"x-api-key": "k"})]
)
async def test_a_public_or_keyed_gateway_accepts_any_host_name(
    settings: dict[str, Any], headers: dict[str, str]
) -> None:
    async with gateway(text_answer("Hi."), **settings) as running:
        answer = await running.http.get(f"{running.url}/v1/models", headers={"host": "gw.example", **headers})
        assert answer.status_code == 200
