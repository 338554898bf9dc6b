from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID

from entra.errors import Unauthenticated
from entra.sign_in import Certificate
from tests.entra.sign_in.ways import APPLICATION, SCOPE, Start, client_of, write
from tests.fakes.entra_tokens import CLIENT, FakeEntra

PASSWORD = b"correct-horse"


class Keys:
    """A certificate with its key, in all the forms that files have."""

    def __init__(self) -> None:
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "azwi")])
        now = datetime.now(UTC)
        self.certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(self.key.public_key())
            .serial_number(1)
            .not_valid_before(now)
            .not_valid_after(now + timedelta(days=1))
            .sign(self.key, hashes.SHA256())
        )

    @property
    def certificate_pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    def key_pem(self, password: bytes | None = None) -> bytes:
        return self.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            _encryption(password),
        )

    def pkcs12(self, password: bytes | None = None) -> bytes:
        return pkcs12.serialize_key_and_certificates(
            b"azwi", self.key, self.certificate, None, _encryption(password)
        )


def _encryption(password: bytes | None) -> serialization.KeySerializationEncryption:
    if password is None:
        return serialization.NoEncryption()
    return serialization.BestAvailableEncryption(password)


@pytest.fixture(scope="module")
def keys() -> Keys:
    return Keys()


@pytest.fixture
def trusted(keys: Keys, entra: FakeEntra) -> None:
    entra.application()
    entra.trust(keys.certificate)


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize("key_first", [True, False])
async def test_signing_in_by_a_certificate_with_its_key_in_one_file(
    start: Start, keys: Keys, tmp_path: Path, key_first: bool
) -> None:
    parts = [keys.key_pem(), keys.certificate_pem]
    file = write(tmp_path / "both.pem", b"".join(parts if key_first else reversed(parts)))

    token = await start(Certificate(APPLICATION, file)).token(SCOPE)

    assert client_of(token) == CLIENT


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize("password", [None, PASSWORD])
async def test_signing_in_by_a_certificate_and_a_key_in_two_files(
    start: Start, keys: Keys, tmp_path: Path, password: bytes | None
) -> None:
    settings = Certificate(
        APPLICATION,
        write(tmp_path / "tls.crt", keys.certificate_pem),
        key_file=write(tmp_path / "tls.key", keys.key_pem(password)),
        password_file=write(tmp_path / "password", PASSWORD + b"\n") if password else None,
    )

    assert client_of(await start(settings).token(SCOPE)) == CLIENT


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize("password", [None, PASSWORD])
async def test_signing_in_by_a_pkcs12_file(
    start: Start, keys: Keys, tmp_path: Path, password: bytes | None
) -> None:
    settings = Certificate(
        APPLICATION,
        write(tmp_path / "azwi.pfx", keys.pkcs12(password)),
        password_file=write(tmp_path / "password", PASSWORD) if password else None,
    )

    assert client_of(await start(settings).token(SCOPE)) == CLIENT


async def test_a_rotated_certificate_is_taken_up(
    start: Start, keys: Keys, tmp_path: Path, entra: FakeEntra
) -> None:
    file = write(tmp_path / "both.pem", keys.key_pem() + keys.certificate_pem)
    sign_in = start(Certificate(APPLICATION, file))
    other = Keys()
    entra.application()
    entra.trust(other.certificate)
    with pytest.raises(Unauthenticated, match="signature does not fit the keys"):
        await sign_in.token(SCOPE)

    write(file, other.key_pem() + other.certificate_pem)

    assert client_of(await sign_in.token(SCOPE)) == CLIENT


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda pem: pem.replace(b"PRIVATE KEY", b"PRIVATE THING"), "holds no private key in PEM"),
        (lambda pem: pem.replace(b"CERTIFICATE", b"CERTIFICATION"), "holds no certificate in PEM"),
        (lambda pem: pem.replace(b"MII", b"XXX"), "msal can't sign with the credential"),
        (lambda pem: b"", "holds no private key in PEM"),
    ],
)
async def test_a_certificate_file_of_no_use_is_told_and_nothing_is_sent(
    *,
    start: Start,
    keys: Keys,
    tmp_path: Path,
    entra: FakeEntra,
    change: Callable[[bytes], bytes],
    message: str,
) -> None:
    file = write(tmp_path / "both.pem", change(keys.key_pem() + keys.certificate_pem))

    with pytest.raises(Unauthenticated, match=message) as caught:
        await start(Certificate(APPLICATION, file)).token(SCOPE)

    assert str(file) in str(caught.value)
    assert entra.asked("POST") == 0


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize("password", [None, b"wrong"])
@pytest.mark.parametrize("suffix", ["pem", "pfx"])
async def test_a_wrong_password_is_told_and_nothing_is_sent(
    *,
    start: Start,
    keys: Keys,
    tmp_path: Path,
    entra: FakeEntra,
    password: bytes | None,
    suffix: str,
) -> None:
    content = (
        keys.pkcs12(PASSWORD) if suffix == "pfx" else keys.key_pem(PASSWORD) + keys.certificate_pem
    )
    settings = Certificate(
        APPLICATION,
        write(tmp_path / f"azwi.{suffix}", content),
        password_file=write(tmp_path / "password", password) if password else None,
    )

    with pytest.raises(Unauthenticated, match="check the key, the certificate and the password"):
        await start(settings).token(SCOPE)

    assert entra.asked("POST") == 0
