"""The issuers of a seed: what is told of them checked, and made into ways to their documents."""

import ssl
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from emulator.seed.schema import Issuer
from emulator.tokens.issuers import Reach
from identity.faults import Faults

_PEM: Final = "PEM certificates"


def check_issuer(where: str, entry: Issuer, folder: Path | None, faults: Faults) -> None:
    """Try certificates out, and add what is wrong to `faults`; paths begin with `where`.

    Without a folder, as for what comes by the admin API, files can't be named: whoever reaches
    that API could have any file of the machine sent anywhere.
    """
    for one, other in (("ca", "ca_data"), ("token_file", "token")):
        if getattr(entry, one) is not None and getattr(entry, other) is not None:
            alias = Issuer.model_fields[other].alias
            faults.add(f"{where}{alias}", None, "is there twice: as a file and as a text")
    if folder is None:
        _refuse_files(where, entry, faults)
    elif entry.ca is not None and not _is_authority(folder / entry.ca, None):
        faults.add(f"{where}ca", entry.ca, f"a file of {_PEM}, relative to the seed")
    if entry.ca_data is not None and not _is_authority(None, entry.ca_data):
        faults.add(f"{where}caData", None, f"expected {_PEM}")


def reaches(issuers: Sequence[Issuer], folder: Path = Path()) -> list[Reach]:
    """Return how issuers are reached; files are relative to the folder."""
    return [
        Reach(
            issuer=entry.issuer,
            url=entry.reach,
            ca=None if entry.ca is None else (folder / entry.ca).absolute(),
            token_file=None if entry.token_file is None else (folder / entry.token_file).absolute(),
            ca_data=entry.ca_data,
            token=entry.token,
        )
        for entry in issuers
    ]


def is_authority_file(path: Path) -> bool:
    """Tell whether a file holds certificates that TLS can trust."""
    return _is_authority(path, None)


def _refuse_files(where: str, entry: Issuer, faults: Faults) -> None:
    if entry.ca is not None:
        faults.add(f"{where}ca", None, "files are for the seed file; give the text as caData")
    if entry.token_file is not None:
        faults.add(f"{where}tokenFile", None, "files are for the seed file; give it as token")


def _is_authority(file: Path | None, data: str | None) -> bool:
    if data is not None and not data.isascii():
        return False
    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cafile=file, cadata=data)
    except (OSError, ValueError):  # SSLError is an OSError
        return False
    return bool(context.get_ca_certs())
