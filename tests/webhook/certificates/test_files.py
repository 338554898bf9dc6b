import asyncio
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.webhook.certificates import original
from tests.webhook.certificates.keys import NAME, YEAR, authority, ca_key, leaf
from tests.webhook.certificates.test_slot import fingerprint, listening
from webhook.certificates.clock import Clock
from webhook.certificates.errors import FilesUnreadable
from webhook.certificates.files import CertificateFiles
from webhook.config.settings import CertificateConfig

NOW = float(int(time.time()))
CA = authority(0, NOW)
ONE, TWO = leaf(CA, NOW), leaf(CA, NOW)


def put(folder: Path, pair: tuple[bytes, bytes], ca: bytes | None = CA.certificate) -> None:
    """Swap the files as the kubelet does: a new folder, then the link to it."""
    version = folder / f"..{time.monotonic_ns()}"
    version.mkdir()
    (version / "tls.crt").write_bytes(pair[0])
    (version / "tls.key").write_bytes(pair[1])
    if ca is not None:
        (version / "ca.crt").write_bytes(ca)
    link = folder / "..data_tmp"
    link.symlink_to(version.name)
    link.rename(folder / "..data")
    for name in ("tls.crt", "tls.key", "ca.crt"):
        if not (folder / name).is_symlink():
            (folder / name).symlink_to(f"..data/{name}")


def opened(folder: Path, **options: Any) -> CertificateFiles:
    return CertificateFiles(CertificateConfig(directory=folder, rotate=False), **options)


async def shown(certificates: CertificateFiles) -> str:
    async with listening(certificates._slot) as listener:
        return await listener.shown("1.3")


async def test_what_stands_in_the_folder_is_served(tmp_path: Path) -> None:
    put(tmp_path, ONE)
    certificates = opened(tmp_path)
    await certificates.wait_ready()
    assert certificates.ready
    assert certificates.problem == ""
    assert certificates.expiries() == {"ca": NOW + 10 * YEAR, "serving": NOW + YEAR}
    assert await shown(certificates) == fingerprint(ONE.certificate)


async def test_a_swapped_folder_is_served_from_the_next_reading_on(tmp_path: Path) -> None:
    put(tmp_path, ONE)
    certificates = opened(tmp_path, interval=0.01)
    task = asyncio.create_task(certificates.run())
    async with listening(certificates._slot) as listener:
        assert await listener.shown("1.3") == fingerprint(ONE.certificate)
        put(tmp_path, TWO)
        await asyncio.sleep(0.1)
        assert await listener.shown("1.3") == fingerprint(TWO.certificate)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_pair_read_half_way_is_never_served(tmp_path: Path) -> None:
    put(tmp_path, ONE)
    certificates = opened(tmp_path)
    put(tmp_path, (TWO.certificate, ONE.key))
    certificates.reread()
    certificates.reread()
    assert await shown(certificates) == fingerprint(ONE.certificate)
    assert certificates.ready
    assert certificates.trouble.endswith("the certificate and the key don't belong together")
    assert certificates.rejected == 1
    put(tmp_path, TWO)
    certificates.reread()
    assert certificates.trouble == ""
    assert await shown(certificates) == fingerprint(TWO.certificate)


async def test_files_that_vanish_for_a_while_change_nothing(tmp_path: Path) -> None:
    put(tmp_path, ONE)
    certificates = opened(tmp_path)
    (tmp_path / "..data").unlink()
    certificates.reread()
    assert certificates.ready
    assert "tls.crt can't be read: No such file or directory" in certificates.trouble
    put(tmp_path, ONE)
    certificates.reread()
    assert certificates.trouble == ""


def test_without_a_ca_the_chain_is_not_checked_but_the_pair_is(tmp_path: Path) -> None:
    put(tmp_path, ONE, ca=None)
    certificates = opened(tmp_path)
    assert certificates.ready
    assert certificates.expiries() == {"serving": NOW + YEAR}


def test_a_certificate_for_another_name_is_served_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    put(tmp_path, leaf(CA, NOW, names=("localhost",)), ca=None)
    assert opened(tmp_path).ready
    assert "is for localhost, not for azure-wi" in str([vars(one) for one in caplog.records])


def test_an_rsa_certificate_of_the_original_is_served(tmp_path: Path) -> None:
    data = original.secret_data(NAME, datetime.fromtimestamp(NOW, UTC), ca_key=ca_key(1))
    put(tmp_path, (data["tls.crt"], data["tls.key"]), data["ca.crt"])
    assert opened(tmp_path).ready


COMMENT = "# Zertifizierungsstelle für Prüfungen\n".encode()
OLD_LABEL = ONE.certificate.replace(b" CERTIFICATE", b" X509 CERTIFICATE")


@pytest.mark.parametrize(
    ("certificate", "ca"),
    [
        (ONE.certificate, COMMENT + CA.certificate),
        (COMMENT + ONE.certificate, None),
        (OLD_LABEL, None),
        (OLD_LABEL, CA.certificate),
        (ONE.certificate, CA.certificate.replace(b" CERTIFICATE", b" X509 CERTIFICATE")),
    ],
)
async def test_whatever_is_legal_pem_is_served(
    tmp_path: Path, certificate: bytes, ca: bytes | None
) -> None:
    put(tmp_path, (certificate, ONE.key), ca)
    certificates = opened(tmp_path)
    assert certificates.ready
    assert ("ca" in certificates.expiries()) is (ca is not None)
    assert await shown(certificates) == fingerprint(ONE.certificate)


def test_a_ca_file_that_turns_into_nonsense_ends_no_running_process(tmp_path: Path) -> None:
    put(tmp_path, ONE)
    certificates = opened(tmp_path)
    for nonsense in (COMMENT, b"\xff\xfe", b"-----BEGIN CERTIFICATE-----\nAAAA"):
        put(tmp_path, TWO, nonsense)
        certificates.reread()
        assert certificates.trouble.endswith("ca.crt holds no certificate that is readable PEM")
        assert certificates.ready


@pytest.mark.parametrize(
    ("pair", "ca", "fault"),
    [
        ((ONE.certificate, TWO.key), CA.certificate, "don't belong together"),
        ((b"", b""), CA.certificate, "the certificate or its key is empty"),
        (ONE, authority(1, NOW).certificate, "a client refuses the certificate"),
        (leaf(authority(0, NOW - 2 * YEAR), NOW - 2 * YEAR), None, "tls.crt has run out"),
        (leaf(CA, NOW + YEAR), None, "tls.crt is not valid yet"),
    ],
)
def test_nothing_good_at_the_start_is_one_clear_line(
    tmp_path: Path, pair: tuple[bytes, bytes], ca: bytes | None, fault: str
) -> None:
    put(tmp_path, pair, ca)
    with pytest.raises(FilesUnreadable, match=fault) as error:
        opened(tmp_path)
    assert "\n" not in str(error.value)
    assert str(error.value).startswith(f"the certificate in {tmp_path}: ")


def test_a_folder_that_is_not_there_or_not_readable_is_named(tmp_path: Path) -> None:
    with pytest.raises(FilesUnreadable, match=r"tls\.crt can't be read: No such file or directory"):
        opened(tmp_path / "nowhere")
    (tmp_path / "tls.crt").mkdir()
    with pytest.raises(FilesUnreadable, match=r"tls\.crt can't be read: Is a directory"):
        opened(tmp_path)


def test_one_that_runs_out_makes_the_replica_unready(tmp_path: Path) -> None:
    put(tmp_path, ONE)
    moment = [NOW]
    certificates = opened(tmp_path, clock=Clock(now=lambda: moment[0]))
    moment[0] = NOW + YEAR
    assert not certificates.ready
    assert certificates.problem == "the serving certificate has run out"
    certificates.reread()
    assert certificates.problem == "the serving certificate has run out"
