from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.webhook.certificates import original
from tests.webhook.certificates.keys import NAME, authority, ca_key, leaf
from webhook.certificates.making import Pair

NOW = 1_800_000_000.0
AT = datetime.fromtimestamp(NOW, UTC)


def parsed(pair: Pair) -> x509.Certificate:
    return x509.load_pem_x509_certificate(pair.certificate)


def test_the_ca_has_the_form_that_the_original_keeps() -> None:
    pair = authority(0, NOW)
    certificate = parsed(pair)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    key = serialization.load_pem_private_key(pair.key, None)

    assert pair.key.startswith(b"-----BEGIN RSA PRIVATE KEY-----")
    assert isinstance(key, rsa.RSAPrivateKey)
    assert key.key_size == 2048
    assert certificate.subject.rfc4514_string() == (
        "CN=azure-workload-identity-ca,O=azure-workload-identity"
    )
    assert names.get_values_for_type(x509.DNSName) == ["azure-workload-identity-ca"]
    assert certificate.not_valid_before_utc == AT - timedelta(hours=1)
    assert certificate.not_valid_after_utc == AT + timedelta(days=3650)


def test_the_serving_certificate_is_p256_for_servers_and_known_by_its_sans_alone() -> None:
    signer = authority(0, NOW)
    pair = leaf(signer, NOW)
    certificate = parsed(pair)
    key = serialization.load_pem_private_key(pair.key, None)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value

    assert isinstance(key, ec.EllipticCurvePrivateKey)
    assert key.curve.name == "secp256r1"
    assert certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME) == []
    assert names.get_values_for_type(x509.DNSName) == [NAME]
    assert list(usage) == [ExtendedKeyUsageOID.SERVER_AUTH]
    assert certificate.not_valid_after_utc == AT + timedelta(days=365)
    certificate.verify_directly_issued_by(parsed(signer))


def test_addresses_become_ip_names() -> None:
    certificate = parsed(leaf(authority(0, NOW), NOW, names=(NAME, "127.0.0.1", "::1")))
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [str(one) for one in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1", "::1"]


def test_a_serving_certificate_never_outlives_its_ca() -> None:
    signer = authority(0, NOW, life=30 * 86400.0)
    assert parsed(leaf(signer, NOW)).not_valid_after_utc == parsed(signer).not_valid_after_utc


def test_a_short_life_is_not_mostly_in_the_past() -> None:
    certificate = parsed(authority(0, NOW, life=100.0))
    assert certificate.not_valid_before_utc == AT - timedelta(seconds=10)


def test_serial_numbers_are_random() -> None:
    signer = authority(0, NOW)
    serials = {parsed(leaf(signer, NOW)).serial_number for _ in range(8)}
    assert len(serials) == 8
    assert min(serial.bit_length() for serial in serials) > 64


def test_a_ca_without_life_signs_nothing() -> None:
    with pytest.raises(ValueError, match="no life left"):
        leaf(authority(0, NOW, life=100.0), NOW + 101)


def test_another_ones_key_signs_nothing() -> None:
    one, other = authority(0, NOW), authority(1, NOW)
    with pytest.raises(ValueError, match="not the one in its certificate"):
        leaf(Pair(one.certificate, other.key), NOW)


def test_a_ca_of_the_original_signs_its_serial_number_0_notwithstanding() -> None:
    data = original.secret_data(NAME, AT, ca_key=ca_key(0))
    pair = leaf(Pair(data["ca.crt"], data["ca.key"]), NOW)
    original.accepts({**data, "tls.crt": pair.certificate, "tls.key": pair.key}, NAME, AT)


def test_what_is_made_is_accepted_by_the_original() -> None:
    signer = authority(0, NOW)
    pair = leaf(signer, NOW)
    data = {
        "ca.crt": signer.certificate,
        "ca.key": signer.key,
        "tls.crt": pair.certificate,
        "tls.key": pair.key,
    }
    original.accepts(data, NAME, AT)
    with pytest.raises(original.Refused, match="90 days"):
        original.accepts(data, NAME, AT + timedelta(days=280))
    with pytest.raises(original.Refused, match="not that of the first CA"):
        original.accepts({**data, "ca.key": authority(1, NOW).key}, NAME, AT)
