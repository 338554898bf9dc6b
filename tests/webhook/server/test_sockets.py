"""Taking ports."""

import socket

import pytest

from tests.webhook.server.doubles import an_app
from webhook.config.settings import Address, ServerConfig
from webhook.metrics import Metrics
from webhook.server.connection import Limits
from webhook.server.errors import CannotListen
from webhook.server.listener import Listener
from webhook.server.server import Server
from webhook.server.sockets import bind


def taken() -> socket.socket:
    return socket.create_server(("127.0.0.1", 0))


def test_a_port_in_use_is_one_line_that_names_the_flag() -> None:
    with taken() as held:
        port = held.getsockname()[1]
        with pytest.raises(CannotListen) as caught:
            bind(Address("127.0.0.1", port), "--port")
    assert str(caught.value) == f"cannot listen on 127.0.0.1:{port} (--port): the port is in use"


def test_a_port_in_use_on_one_family_is_in_use() -> None:
    with taken() as held, pytest.raises(CannotListen, match="in use"):
        bind(Address("", held.getsockname()[1]), "--port")


@pytest.mark.parametrize(
    ("host", "why"), [("192.0.2.1", "no such address"), ("nobody.invalid", "no such host")]
)
def test_an_address_that_is_not_here_is_told_apart(host: str, why: str) -> None:
    with pytest.raises(CannotListen, match=why):
        bind(Address(host, 0), "--health-addr")


def test_nothing_is_held_when_one_port_is_taken() -> None:
    with taken() as held:
        metrics = Address("127.0.0.1", held.getsockname()[1])
        config = ServerConfig(port=0, health=Address("127.0.0.1", 0), metrics=metrics)
        with pytest.raises(CannotListen, match="--metrics-addr"):
            Server(config, {}, Metrics())


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
async def test_an_empty_host_means_both_families(family: socket.AddressFamily) -> None:
    bound = bind(Address("", 0), "--port")
    listener = Listener(an_app(), bound, Limits())
    await listener.start()
    with socket.socket(family) as client:
        client.connect(("127.0.0.1" if family == socket.AF_INET else "::1", bound.port))
    listener.close()
    assert await listener.finish(1)


async def test_a_port_that_is_held_but_not_served_refuses() -> None:
    bound = bind(Address("127.0.0.1", 0), "--port")
    with socket.socket() as client, pytest.raises(ConnectionRefusedError):
        client.connect(("127.0.0.1", bound.port))
    bound.close()


async def test_a_port_that_somebody_took_in_between_is_told_alike() -> None:
    """Two processes may bind one port before either listens."""
    first = bind(Address("127.0.0.1", 0), "--port")
    second = bind(Address("127.0.0.1", first.port), "--port")
    one, two = (Listener(an_app(), bound, Limits()) for bound in (first, second))
    await one.start()
    try:
        with pytest.raises(CannotListen, match="in use"):
            await two.start()
    finally:
        for listener in (one, two):
            listener.close()
            await listener.finish(1)


def test_localhost_is_one_port_on_every_address_of_it() -> None:
    bound = bind(Address("localhost", 0), "--port")
    assert {held.getsockname()[1] for held in bound.sockets} == {bound.port}
    bound.close()
