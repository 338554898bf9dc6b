"""The emulator's own CA, and the certificate that it serves with."""

import ipaddress
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509 import DNSName, IPAddress
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from emulator.certificates import Serving, serving_certificate
from emulator.state import StateFolder

NOW = datetime(2027, 1, 15, 8, tzinfo=UTC)
NAMES = ["localhost", "127.0.0.1", "::1", "emulator.test"]


@pytest.fixture
def state(tmp_path: Path) -> StateFolder:
    return StateFolder(tmp_path / "state")


def certificate(file: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(file.read_bytes())


def verify(serving: Serving, name: str, now: datetime) -> None:
    """As a strict client does (RFC 5280). Raises VerificationError."""
    try:
        subject: DNSName | IPAddress = IPAddress(ipaddress.ip_address(name))
    except ValueError:
        subject = DNSName(name)
    store = Store([certificate(serving.authority)])
    builder = PolicyBuilder().store(store).time(now)
    builder.build_server_verifier(subject).verify(certificate(serving.certificate), [])


@pytest.mark.parametrize("name", NAMES)
def test_it_is_for_every_name(state: StateFolder, name: str) -> None:
    verify(serving_certificate(state, NAMES, NOW), name, NOW)


def test_it_is_for_no_other_name(state: StateFolder) -> None:
    serving = serving_certificate(state, NAMES, NOW)
    with pytest.raises(VerificationError):
        verify(serving, "elsewhere.test", NOW)


def test_openssl_takes_its_strictest_look(state: StateFolder) -> None:
    serving = serving_certificate(state, NAMES)
    context = ssl.create_default_context(cafile=serving.authority)
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(serving.certificate, serving.key)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
    theirs = server.wrap_bio(outgoing, incoming, server_side=True)
    for _ in range(3):
        for side in (ours, theirs):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
    assert ours.version() == "TLSv1.3"


def test_the_ca_stays_and_the_certificate_is_new(state: StateFolder) -> None:
    first = serving_certificate(state, NAMES, NOW)
    before = (certificate(first.authority), certificate(first.certificate))
    second = serving_certificate(state, NAMES, NOW + timedelta(days=30))
    after = (certificate(second.authority), certificate(second.certificate))
    assert after[0] == before[0]
    assert after[1] != before[1]
    verify(second, "localhost", NOW + timedelta(days=30))


def test_keys_are_for_nobody_else(state: StateFolder) -> None:
    serving = serving_certificate(state, NAMES, NOW)
    assert state.path.stat().st_mode & 0o777 == 0o700
    assert {file.stat().st_mode & 0o777 for file in state.path.iterdir()} == {0o600}
    assert serving.authority.name == "ca.crt"


def test_a_ca_is_made_anew_before_its_time_is_over(state: StateFolder) -> None:
    serving_certificate(state, NAMES, NOW)
    later = NOW + timedelta(days=3650 - 31)
    assert certificate(serving_certificate(state, NAMES, later).authority).not_valid_after_utc == (
        NOW + timedelta(days=3650)
    )
    later = NOW + timedelta(days=3650 - 29)
    verify(serving_certificate(state, NAMES, later), "localhost", later + timedelta(days=364))


def test_a_certificate_ends_with_its_ca(state: StateFolder) -> None:
    serving_certificate(state, NAMES, NOW)
    serving = serving_certificate(state, NAMES, NOW + timedelta(days=3500))
    ends = certificate(serving.certificate).not_valid_after_utc
    assert ends == certificate(serving.authority).not_valid_after_utc


@pytest.mark.parametrize("name", ["ca.crt", "ca.key"])
def test_a_ca_that_was_tampered_with_is_not_taken(state: StateFolder, name: str) -> None:
    serving_certificate(state, NAMES, NOW)
    (state.path / name).write_text("nonsense")
    with pytest.raises(ValueError, match=r".+"):
        serving_certificate(state, NAMES, NOW)


def test_a_ca_and_a_key_of_another_are_not_taken(state: StateFolder, tmp_path: Path) -> None:
    serving_certificate(state, NAMES, NOW)
    other = serving_certificate(StateFolder(tmp_path / "other"), NAMES, NOW)
    (state.path / "ca.crt").write_bytes(other.authority.read_bytes())
    with pytest.raises(ValueError, match="don't belong together"):
        serving_certificate(state, NAMES, NOW)
