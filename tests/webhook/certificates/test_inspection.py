import os
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization

from tests.webhook.certificates import original
from tests.webhook.certificates.keys import NAME, YEAR, authority, ca_key, leaf
from webhook.certificates import pem
from webhook.certificates.contexts import context_with
from webhook.certificates.errors import Unusable
from webhook.certificates.inspection import Serving, authorities, serving, signs

NOW = float(int(time.time()))
CA, OTHER_CA = authority(0, NOW), authority(1, NOW)
PAIR = leaf(CA, NOW)


def inspected(
    pair: tuple[bytes, bytes] = PAIR, signers: bytes = CA.certificate, name: str = NAME
) -> Serving:
    certificate, key = pair
    return serving(certificate, key, authorities(signers), name, "1.3")


def test_a_good_pair_tells_its_dates_names_and_authority() -> None:
    found = inspected()
    assert found.names == {NAME}
    assert (found.not_before, found.not_after) == (NOW - 3600, NOW + YEAR)
    assert found.authority == authorities(CA.certificate)[0]
    assert found.alive(NOW)
    assert not found.alive(NOW + YEAR)
    assert not found.alive(NOW - 3600 - 301)


def test_dates_are_left_to_the_caller_so_an_expired_one_is_still_told_apart() -> None:
    pair = leaf(authority(0, NOW - 2 * YEAR), NOW - 2 * YEAR)
    found = inspected(pair, authority(0, NOW - 2 * YEAR).certificate)
    assert not found.alive(NOW)
    assert found.alive(NOW - 1.5 * YEAR)


def test_of_two_cas_of_one_name_the_one_that_signed_is_found() -> None:
    found = inspected(signers=OTHER_CA.certificate + CA.certificate)
    assert found.authority == authorities(CA.certificate)[0]


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"signers": OTHER_CA.certificate}, "a client refuses the certificate"),
        ({"signers": b""}, "no CA that could have signed it"),
        ({"name": "other.ns.svc"}, "Hostname mismatch"),
        ({"pair": (PAIR.certificate, leaf(CA, NOW).key)}, "don't belong together"),
        ({"pair": (PAIR.certificate, authority(0, NOW).key)}, "don't belong together"),
        ({"pair": (PAIR.certificate, b"")}, "empty"),
        ({"pair": (b"", PAIR.key)}, "there is no certificate"),
        ({"pair": (b"\xff\x00nonsense", PAIR.key)}, "there is no certificate"),
        ({"pair": (PAIR.certificate, b"\xff\x00nonsense")}, "not readable PEM"),
        ({"pair": (PAIR.certificate[:400], PAIR.key)}, "there is no certificate"),
    ],
)
def test_what_must_not_be_served_is_refused_in_words(change: dict[str, Any], fault: str) -> None:
    with pytest.raises(Unusable, match=fault):
        inspected(**change)


def test_an_encrypted_key_is_refused_and_nobody_is_asked_for_a_password() -> None:
    key = serialization.load_pem_private_key(PAIR.key, None)
    locked = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"password"),
    )
    with pytest.raises(Unusable, match="the key is encrypted"):
        inspected((PAIR.certificate, locked))


def test_a_certificate_of_the_original_is_served_its_ca_with_serial_number_0() -> None:
    data = original.secret_data(NAME, datetime.fromtimestamp(NOW, UTC), ca_key=ca_key(2))
    found = inspected((data["tls.crt"], data["tls.key"]), data["ca.crt"])
    assert found.alive(NOW)
    assert signs(found.authority, data["ca.key"])


def test_a_leaf_is_no_authority_and_nonsense_is_none() -> None:
    assert authorities(PAIR.certificate) == ()
    broken = CA.certificate.replace(b"M", b"N")
    text = b"a comment\n" + CA.certificate + b"\njunk" + broken + CA.certificate
    assert [one.fingerprint for one in authorities(text)] == [
        pem.fingerprint(CA.certificate.decode())
    ]


def test_a_ca_signs_only_with_its_own_key_in_the_originals_form() -> None:
    (ca,) = authorities(CA.certificate)
    pkcs8 = ca_key(0).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    assert signs(ca, CA.key)
    assert not signs(ca, OTHER_CA.key)
    assert not signs(ca, pkcs8)
    assert not signs(ca, b"")
    assert not signs(ca, CA.key[:200])


def test_a_key_never_stands_in_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    before = list(Path("/proc/self/fd").iterdir())
    context_with(*PAIR, "1.3")
    assert list(tmp_path.iterdir()) == []
    assert len(list(Path("/proc/self/fd").iterdir())) == len(before)


def test_where_there_is_no_memfd_the_file_is_private_and_gone_at_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delattr(os, "memfd_create")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    context_with(*PAIR, "1.3")
    with pytest.raises(Unusable):
        context_with(PAIR.certificate, CA.key, "1.3")
    assert list(tmp_path.iterdir()) == []
