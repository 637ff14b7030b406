"""Whether a server can be reached, by the way that fetching would take."""

import socket

import pytest

from sceneparse.weights.reaching import reachable


def test_a_proxy_is_asked_unless_the_environment_says_that_a_server_needs_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("http_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_server(("127.0.0.1", 0)) as closed:
        nobody = closed.getsockname()[1]
        closed.close()
        address = f"http://127.0.0.1:{server.getsockname()[1]}/x"
        assert reachable(address)
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{nobody}")
        assert not reachable(address)
        monkeypatch.setenv("no_proxy", "localhost,127.0.0.1")
        assert reachable(address)
