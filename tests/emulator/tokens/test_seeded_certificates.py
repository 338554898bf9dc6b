"""Certificates of a seed: from a file beside it, or as they stand in it; only RSA ones sign in."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from emulator.seed.read import SeedError, load_seed, read_seed
from tests.emulator.conftest import Json
from tests.emulator.tokens.certificates import client_certificate
from tests.emulator.tokens.conftest import APP, TENANT

NOW = 1_800_000_000.0


def content(certificate: str) -> Json:
    application = {
        "appId": APP,
        "displayName": "payments",
        "tenant": TENANT,
        "certificate": certificate,
    }
    return {"tenants": [{"id": TENANT}], "applications": [application]}


def test_a_file_beside_the_seed_is_read_without_its_key(tmp_path: Path) -> None:
    made = client_certificate(NOW)
    (tmp_path / "app.pem").write_text(made.key_pem + made.pem)
    (tmp_path / "seed.yaml").write_text(yaml.safe_dump(content("app.pem")))
    [application] = load_seed(tmp_path / "seed.yaml").applications
    assert application.certificate == made.pem


def test_a_seed_that_comes_without_a_folder_reads_no_file(tmp_path: Path) -> None:
    file = tmp_path / "app.pem"
    file.write_text(client_certificate(NOW).pem)
    with pytest.raises(SeedError, match=r"applications\[0\].certificate"):
        read_seed(content(str(file)))


def elliptic() -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(x509.Name([]), x509.Name([]), key.public_key(), 1)
    builder = builder.not_valid_before(now).not_valid_after(now + timedelta(days=1))
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


@pytest.mark.parametrize("text", [elliptic(), "-----BEGIN CERTIFICATE-----\nAAAA\n", "\0", "gone"])
def test_what_nobody_could_sign_in_with_is_told(tmp_path: Path, text: str) -> None:
    (tmp_path / "seed.yaml").write_text(yaml.safe_dump(content(text)))
    with pytest.raises(SeedError, match=r"applications\[0\].certificate"):
        load_seed(tmp_path / "seed.yaml")
