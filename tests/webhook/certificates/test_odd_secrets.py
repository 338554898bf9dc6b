"""Whatever bytes somebody puts into the Secret or its annotations: nothing is raised."""

import base64
import binascii
import json
import random
import re
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tests.webhook.certificates.keys import NAME, authority, leaf
from tests.webhook.certificates.replicas import START
from webhook.certificates import secret as secrets
from webhook.certificates.errors import Unusable
from webhook.certificates.inspection import authorities, serving

CA, NEXT = authority(0, START), authority(1, START)
LEAF = leaf(CA, START)
GOOD = {
    "ca.crt": CA.certificate + NEXT.certificate,
    "ca.key": CA.key,
    "tls.crt": LEAF.certificate,
    "tls.key": LEAF.key,
    "next-ca.crt": NEXT.certificate,
    "next-ca.key": NEXT.key,
}
NOTES = {
    secrets.SETTLED: "aa,bb",
    secrets.REPLICAS: '{"one":{"authority":"aa","at":"2027-01-15T08:00:00Z"}}',
    secrets.ROTATE: "ca",
}


def der(certificate: bytes) -> bytes:
    return binascii.a2b_base64(b"".join(certificate.split(b"\n")[1:-2]))


def pem(certificate: bytes) -> bytes:
    body = base64.encodebytes(certificate)
    return b"-----BEGIN CERTIFICATE-----\n" + body + b"-----END CERTIFICATE-----\n"


def dated(certificate: bytes, signer: bytes, date: bytes) -> bytes:
    """Return the certificate with another end, properly signed by an RSA key of 2048 bits."""
    whole = der(certificate)
    signed = whole[4 : 8 + int.from_bytes(whole[6:8], "big")]
    end = re.findall(rb"\d{12}Z", signed)[1]
    new = signed.replace(end, date + b"Z")
    key = serialization.load_pem_private_key(signer, password=None)
    assert isinstance(key, rsa.RSAPrivateKey)
    signature = key.sign(new, padding.PKCS1v15(), hashes.SHA256())
    return pem(whole.replace(signed, new)[: -len(signature)] + signature)


def annotated(key: str, value: str) -> secrets.Json:
    return {"metadata": {"annotations": {**NOTES, key: value}}}


def written_again(secret: secrets.Json) -> secrets.Json:
    return secrets.changed(secret, {}, secrets.notes_of(secret))


@pytest.mark.parametrize(
    "value",
    [
        "[" * 100_000,
        '{"x":' * 100_000,
        *(
            json.dumps({"one": {"authority": "aa", "at": at}})
            for at in (
                "9999-12-31T23:59:59-23:59",
                "0001-01-01T00:00:00+23:59",
                "0001-01-01T00:00:00",
                "1969-12-31T23:59:59Z",
                "2027-01-15T08:00:00",
                "",
                10**400,
            )
        ),
    ],
)
def test_a_report_that_makes_no_sense_is_none(value: str) -> None:
    odd = annotated(secrets.REPLICAS, value)
    assert secrets.notes_of(odd).reports == {}
    assert secrets.REPLICAS not in written_again(odd)["metadata"]["annotations"]


def test_a_good_one_is_written_as_it_was() -> None:
    good = {"metadata": {"annotations": NOTES}}
    assert written_again(good)["metadata"]["annotations"] == NOTES


@pytest.mark.parametrize("date", [b"991399000000", b"000000000000", b"9902300000xx"])
def test_a_certificate_with_an_impossible_date_is_none(date: bytes) -> None:
    assert authorities(dated(CA.certificate, CA.key, date)) == ()
    odd = dated(LEAF.certificate, CA.key, date)
    with pytest.raises(Unusable):
        serving(odd, LEAF.key, authorities(CA.certificate), NAME, "1.3")
    for damage in ({"ca.crt": dated(CA.certificate, CA.key, date)}, {"tls.crt": odd}):
        assert secrets.read(GOOD | damage, NAME, "1.3").serving is None


def test_the_same_with_a_possible_date_is_read() -> None:
    """So the helper of this test makes certificates that are wrong in nothing but the date."""
    (ca,) = authorities(dated(CA.certificate, CA.key, b"301231000000"))
    assert ca.not_after == 1_924_905_600.0
    good = dated(LEAF.certificate, CA.key, b"301231000000")
    found = serving(good, LEAF.key, authorities(CA.certificate), NAME, "1.3")
    assert found.not_after == 1_924_905_600.0


def flipped(chance: random.Random, value: bytes) -> bytes:
    at = chance.randrange(len(value))
    return value[:at] + bytes([chance.randrange(256)]) + value[at + 1 :]


MANGLES: list[Callable[[random.Random, bytes], bytes]] = [
    lambda chance, value: value[: chance.randrange(len(value))],
    flipped,
    lambda chance, value: flipped(chance, flipped(chance, value)),
    lambda chance, value: pem(flipped(chance, der(value))) if b"CERT" in value else b"",
    lambda chance, value: pem(flipped(chance, der(value))) + value if b"CERT" in value else b"\0",
    lambda chance, value: value + chance.choice(list(GOOD.values())),
    lambda chance, _: chance.choice(list(GOOD.values())),
    lambda chance, _: chance.randbytes(40),
]


@pytest.mark.parametrize("seed", range(8))
def test_mangled_secrets_are_read_without_an_exception(seed: int) -> None:
    chance = random.Random(seed)
    refused = 0
    for _ in range(60):
        key = chance.choice(list(GOOD))
        data = {**GOOD, key: chance.choice(MANGLES)(chance, GOOD[key])}
        encoded = {name: base64.b64encode(value).decode() for name, value in data.items()}
        found = secrets.read(secrets.data_of({"data": encoded}), NAME, "1.3")
        refused += found.serving is None
    assert 0 < refused < 60


@pytest.mark.parametrize("seed", range(8))
def test_mangled_notes_are_read_and_written_again_without_an_exception(seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(300):
        key = chance.choice(list(NOTES))
        value = NOTES[key].encode()
        for _ in range(chance.randrange(1, 4)):
            value = flipped(chance, value)
        again = written_again(annotated(key, value.decode("utf-8", "replace")))
        assert written_again(again) == again
