"""Certificates that applications of a seed sign in with: files beside it, or PEM in it."""

from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding

from emulator.seed.schema import Seed
from identity.faults import Faults

_PEM: Final = "-----BEGIN "
_WANTED: Final = (
    "PEM certificates with RSA keys, or the name of a file of them beside the seed file"
)


def load_certificates(seed: Seed, folder: Path | None, faults: Faults) -> None:
    """Put certificates in the place of their files' names; what can't be goes to `faults`.

    Without a folder no file is read.
    """
    for index, application in enumerate(seed.applications):
        written = application.certificate
        if written is None:
            continue
        try:
            text = written if _PEM in written or folder is None else _read(folder / written)
            application.certificate = "".join(split_certificates(text))
        except (OSError, ValueError):
            shown = None if _PEM in written else written
            faults.add(f"applications[{index}].certificate", shown, _WANTED)


def split_certificates(pem: str) -> tuple[str, ...]:
    """Return each certificate of a PEM text. Raises ValueError for what can't sign in.

    What else is in the text, a private key say, is left out.
    """
    found = x509.load_pem_x509_certificates(pem.encode())
    if not all(isinstance(one.public_key(), RSAPublicKey) for one in found):
        raise ValueError("a certificate's key is not an RSA key")
    return tuple(one.public_bytes(Encoding.PEM).decode("ascii") for one in found)


def _read(path: Path) -> str:
    return path.read_text("utf-8")
