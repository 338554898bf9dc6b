"""Reading a seed: all its faults at once, each with its path."""

from collections.abc import Collection
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from emulator.seed.certificates import load_certificates
from emulator.seed.check import check
from emulator.seed.faulty import SeedError, faults_of
from emulator.seed.issuers import check_issuer
from emulator.seed.once import OnceLoader
from emulator.seed.schema import Issuer, Seed
from identity.faults import Faults

DEFAULT_TENANT = "0e3c6a5d-51b1-4c55-9d0e-8f3a4f1f2b10"
"""The tenant of an emulator without a seed."""


def default_seed() -> Seed:
    """Return what stands in for a seed: one tenant."""
    return read_seed({"tenants": [{"id": DEFAULT_TENANT}]})


def load_seed(path: Path) -> Seed:
    """Read a seed file. Raises SeedError."""
    faults = Faults()
    try:
        content = yaml.load(path.read_text("utf-8"), OnceLoader)  # noqa: S506 - it is a safe one
    except OSError as error:
        faults.add("the seed", None, f"can't be read: {error.strerror}")
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        faults.add("the seed", None, f"is no YAML: {' '.join(str(error).split())}")
    else:
        return read_seed(content, path.parent)
    raise SeedError(list(faults), malformed=True)


def read_seed(content: Any, folder: Path | None = None, *, tenants: Collection[str] = ()) -> Seed:
    """Read what a seed file or a request holds; only the former has files beside it.

    `tenants` are those that are there already, in lower case. Raises SeedError.
    """
    try:
        seed = Seed.model_validate({} if content is None else content)
    except ValidationError as error:
        raise SeedError(faults_of(error), malformed=True) from error
    faults = Faults()
    check(seed, tenants, faults)
    for index, entry in enumerate(seed.issuers):
        check_issuer(f"issuers[{index}].", entry, folder, faults)
    load_certificates(seed, folder, faults)
    if faults:
        raise SeedError(list(faults))
    return seed


def read_issuer(content: Any) -> Issuer:
    """Read one issuer, as a request holds it. Raises SeedError."""
    try:
        issuer = Issuer.model_validate(content)
    except ValidationError as error:
        raise SeedError(faults_of(error, "the body"), malformed=True) from error
    faults = Faults()
    check_issuer("", issuer, None, faults)
    if faults:
        raise SeedError(list(faults))
    return issuer


__all__ = [
    "DEFAULT_TENANT",
    "SeedError",
    "default_seed",
    "load_seed",
    "read_issuer",
    "read_seed",
]
