"""The address is what a client can use, in every way it can be given."""

import pytest

from registry.cli.listening import greeting, listening, reachable
from registry.config import Config, load


def config(**flags: str) -> Config:
    """A configuration with some settings of the server."""
    access = {"access.anonymous": "push"}
    return load(None, {}, {f"server.{name}": value for name, value in flags.items()} | access).config


@pytest.mark.parametrize(
    ("listen", "told"),
    [
        ("127.0.0.1:5000", "127.0.0.1:5000"),
        ("0.0.0.0:5000", "127.0.0.1:5000"),
        ("[::]:5000", "[::1]:5000"),
        ("registry.lan:80", "registry.lan:80"),
    ],
)
def test_reachable(listen: str, told: str) -> None:
    assert reachable(config(listen=listen)) == told


def test_the_public_url_is_what_clients_use() -> None:
    public = config(public_url="https://registry.example.com:8443/")
    assert reachable(public) == "registry.example.com:8443"
    assert "docker push registry.example.com:8443/IMAGE" in greeting(public)
    assert "may pull and push" in greeting(public)


def test_port_0_becomes_a_real_one() -> None:
    chosen, listener = listening(config(listen="127.0.0.1:0"))
    with listener:
        assert chosen.server.port > 0
        assert listener.getsockname() == ("127.0.0.1", chosen.server.port)
