"""The listener's context, with real sockets: which certificate a client is shown, and when."""

import asyncio
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
import uvloop

from tests.webhook.certificates import original
from tests.webhook.certificates.keys import NAME, authority, ca_key, leaf
from webhook.certificates import pem
from webhook.certificates.contexts import context_with, rehearse
from webhook.certificates.errors import Unusable
from webhook.certificates.slot import Slot

NOW = time.time()
VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
CA = authority(0, NOW)
EC = leaf(CA, NOW)
OTHER_EC = leaf(CA, NOW)
_ORIGINAL = original.secret_data(NAME, datetime.fromtimestamp(NOW, UTC), ca_key=ca_key(1))
RSA = (_ORIGINAL["tls.crt"], _ORIGINAL["tls.key"])
REFUSED = (ssl.SSLError, ConnectionError)
"""asyncio's server closes the connection, mostly before its alert is sent."""
BUNDLE = (CA.certificate + _ORIGINAL["ca.crt"]).decode()


def fingerprint(certificate: bytes) -> str:
    return pem.fingerprint(pem.split(certificate)[0])


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while line := await reader.readline():
            writer.write(line)
            await writer.drain()
    finally:
        writer.close()


class Client:
    """One connection that is checked as an API server does."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    @property
    def shown(self) -> str:
        der = self._writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        return pem.fingerprint_of_der(der)

    async def works(self) -> bool:
        self._writer.write(b"hello\n")
        return await self._reader.readline() == b"hello\n"

    async def close(self) -> None:
        self._writer.close()
        await self._writer.wait_closed()


class Listener:
    def __init__(self, slot: Slot, port: int) -> None:
        self._slot, self._port = slot, port

    async def connect(self, version: str, *, names_server: bool = True) -> Client:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.maximum_version = VERSIONS[version]
        context.load_verify_locations(cadata=BUNDLE)
        context.check_hostname = names_server
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", self._port, ssl=context, server_hostname=NAME if names_server else ""
        )
        return Client(reader, writer)

    async def shown(self, version: str, *, names_server: bool = True) -> str:
        client = await self.connect(version, names_server=names_server)
        shown = client.shown
        await client.close()
        return shown


@asynccontextmanager
async def listening(slot: Slot) -> AsyncIterator[Listener]:
    server = await asyncio.start_server(echo, "127.0.0.1", 0, ssl=slot.ssl_context)
    async with server:
        yield Listener(slot, server.sockets[0].getsockname()[1])


@pytest.mark.parametrize("version", ["1.2", "1.3"])
@pytest.mark.parametrize("names_server", [True, False], ids=["with SNI", "without SNI"])
async def test_ec_to_rsa_and_back_each_new_connection_sees_the_new_one(
    version: str, names_server: bool
) -> None:
    slot = Slot("1.2")
    async with listening(slot) as listener:
        for certificate, key in (EC, RSA, EC, OTHER_EC, RSA, EC):
            slot.put(context_with(certificate, key, "1.2"))
            shown = await listener.shown(version, names_server=names_server)
            assert shown == fingerprint(certificate)


@pytest.mark.parametrize("version", ["1.2", "1.3"])
async def test_open_connections_keep_on_working_through_every_swap(version: str) -> None:
    slot = Slot("1.2")
    async with listening(slot) as listener:
        clients = []
        for certificate, key in (EC, RSA, OTHER_EC, RSA):
            slot.put(context_with(certificate, key, "1.2"))
            clients.append((fingerprint(certificate), await listener.connect(version)))
            for shown, client in clients:
                assert client.shown == shown
                assert await client.works()
        for _, client in clients:
            await client.close()


async def test_loading_into_a_live_context_would_have_kept_the_old_one(tmp_path: Path) -> None:
    """Why contexts are fresh: the same context, loaded with EC after RSA and RSA after EC."""
    shown = []
    context = context_with(*EC, "1.2")
    server = await asyncio.start_server(echo, "127.0.0.1", 0, ssl=context)
    async with server:
        listener = Listener(Slot("1.2"), server.sockets[0].getsockname()[1])
        shown.append(await listener.shown("1.3"))
        (tmp_path / "pair.pem").write_bytes(b"".join(RSA))
        context.load_cert_chain(tmp_path / "pair.pem")
        shown.append(await listener.shown("1.3"))
    assert shown == [fingerprint(EC[0])] * 2


def test_it_works_under_uvloop_as_in_the_server() -> None:
    async def swap() -> list[str]:
        slot = Slot("1.3")
        shown = []
        async with listening(slot) as listener:
            for certificate, key in (EC, RSA, OTHER_EC):
                slot.put(context_with(certificate, key, "1.3"))
                shown += [
                    await listener.shown("1.3"),
                    await listener.shown("1.3", names_server=False),
                ]
        return shown

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        shown = runner.run(swap())
    assert shown == [fingerprint(one[0]) for one in (EC, EC, RSA, RSA, OTHER_EC, OTHER_EC)]


async def test_before_the_first_certificate_a_handshake_fails_cleanly(
    capfd: pytest.CaptureFixture[str],
) -> None:
    slot = Slot("1.2")
    async with listening(slot) as listener:
        for version in VERSIONS:
            with pytest.raises(REFUSED):
                await listener.connect(version)
        slot.put(context_with(*EC, "1.2"))
        assert await listener.shown("1.3") == fingerprint(EC[0])
    assert "Traceback" not in capfd.readouterr().err


def test_the_alert_before_the_first_certificate_says_that_it_is_the_servers_fault() -> None:
    with pytest.raises(Unusable, match=r"INTERNAL_ERROR|CALLBACK_FAILED"):
        rehearse(Slot("1.2").ssl_context, CA.certificate.decode(), name=NAME)


async def test_tls_1_2_is_refused_by_default_and_taken_where_it_is_asked_for() -> None:
    for minimum, taken in (("1.3", False), ("1.2", True)):
        slot = Slot(minimum)
        slot.put(context_with(*EC, minimum))
        async with listening(slot) as listener:
            if taken:
                await listener.shown("1.2")
            else:
                with pytest.raises(REFUSED):
                    await listener.connect("1.2")


async def test_no_session_is_kept_for_tls_1_3() -> None:
    slot = Slot("1.3")
    slot.put(context_with(*EC, "1.3"))
    async with listening(slot) as listener:
        for _ in range(5):
            client = await listener.connect("1.3")
            assert await client.works()
            tls = client._writer.get_extra_info("ssl_object")
            assert not tls.session.has_ticket
            await client.close()
    assert slot.ssl_context.session_stats()["number"] == 0
