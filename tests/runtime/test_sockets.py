"""Listening sockets report why an address is unavailable."""

import pytest
from toolgate_runtime.errors import StartError
from toolgate_runtime.sockets import join_address, listen


def test_port_0_binds_a_free_port() -> None:
    with listen("127.0.0.1", 0) as listener:
        assert listener.getsockname()[1] > 0


def test_a_taken_port_is_reported_with_its_address() -> None:
    with listen("127.0.0.1", 0) as first:
        port = first.getsockname()[1]
        with pytest.raises(StartError, match=f"^cannot listen on 127.0.0.1:{port}: Address already in use$"):
            listen("127.0.0.1", port)


def test_an_ipv6_address_is_written_in_brackets() -> None:
    assert (join_address("::1", 80), join_address("localhost", 80)) == ("[::1]:80", "localhost:80")
