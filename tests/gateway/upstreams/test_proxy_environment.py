"""The environment names a proxy by scheme, and the hosts that are reached without one."""

import pytest
from toolgate_gateway.upstreams.proxies import Proxies, from_environment

P, Q = "http://proxy:3128", "http://other:8080"


@pytest.mark.parametrize(
    ("variables", "url", "expected"),
    [
        ({}, "http://llm.example", None),
        ({"HTTP_PROXY": P}, "http://llm.example", P),
        ({"HTTP_PROXY": P}, "https://llm.example", None),
        ({"HTTPS_PROXY": P}, "https://llm.example", P),
        ({"https_proxy": P, "HTTPS_PROXY": Q}, "https://llm.example", P),
        ({"ALL_PROXY": P, "HTTPS_PROXY": Q}, "http://llm.example", P),
        ({"HTTP_PROXY": "proxy:3128"}, "http://llm.example", P),
        ({"HTTP_PROXY": P}, "http://localhost:8000", None),
        ({"HTTP_PROXY": P}, "http://127.0.0.1:8000", None),
        ({"HTTP_PROXY": P}, "http://[::1]:8000", None),
        ({"HTTP_PROXY": P}, "http://10.1.2.3", P),
    ],
)
def test_the_environment_names_a_proxy_by_scheme(variables: dict[str, str], url: str, expected: str | None) -> None:
    assert from_environment(variables).of(url) == expected


@pytest.mark.parametrize(
    ("exempt", "host", "straight"),
    [
        ("*", "llm.example", True),
        ("llm.example", "llm.example", True),
        ("llm.example", "a.llm.example", True),
        ("llm.example", "notllm.example", False),
        (".example", "llm.example", True),
        (".llm.example", "llm.example", False),
        ("*.example", "llm.example", True),
        ("LLM.Example", "llm.example", True),
        ("10.0.0.0/8", "10.1.2.3", True),
        ("10.0.0.0/8", "11.1.2.3", False),
        ("10.1.2.3", "10.1.2.3", True),
        ("fd00::/8", "[fd00::1]", True),
        ("llm.example:80", "llm.example", True),
        ("llm.example:443", "llm.example", False),
        ("llm.example:8000", "llm.example:8000", True),
        ("[fd00::1]:8000", "[fd00::1]:8000", True),
        ("x, ,llm.example ,y", "llm.example", True),
        ("", "llm.example", False),
    ],
)
def test_hosts_may_be_exempt(exempt: str, host: str, straight: bool) -> None:
    proxies = from_environment({"HTTP_PROXY": P, "NO_PROXY": exempt})
    assert proxies.of(f"http://{host}") == (None if straight else P)


def test_a_proxy_that_speaks_something_else_is_refused() -> None:
    with pytest.raises(ValueError, match="must begin with http://"):
        Proxies(http="socks5://proxy").of("http://llm.example")
