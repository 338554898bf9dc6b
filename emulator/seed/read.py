"""Reading a seed: all its faults at once, each with its path."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from emulator.arm.roles import role_named
from emulator.seed.certificates import load_certificates
from emulator.seed.schema import Seed
from identity.faults import Fault, Faults

DEFAULT_TENANT = "0e3c6a5d-51b1-4c55-9d0e-8f3a4f1f2b10"
"""The tenant of an emulator without a seed."""


class SeedError(Exception):
    """The seed can't be used; `faults` says all that is wrong."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("; ".join(map(str, faults)))
        self.faults = tuple(faults)


def default_seed() -> Seed:
    """Return what stands in for a seed: one tenant."""
    return read_seed({"tenants": [{"id": DEFAULT_TENANT}]})


def load_seed(path: Path) -> Seed:
    """Read a seed file. Raises SeedError."""
    faults = Faults()
    try:
        content = yaml.safe_load(path.read_text("utf-8"))
    except OSError as error:
        faults.add(str(path), None, f"the seed can't be read: {error.strerror}")
        raise SeedError(list(faults)) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        faults.add(str(path), None, f"the seed is no YAML: {' '.join(str(error).split())}")
        raise SeedError(list(faults)) from error
    return read_seed(content, path.parent)


def read_seed(content: Any, folder: Path | None = None) -> Seed:
    """Read what a seed file or a request holds; only the former has files beside it.

    Raises SeedError.
    """
    try:
        seed = Seed.model_validate({} if content is None else content)
    except ValidationError as error:
        raise SeedError([*map(_fault, error.errors(include_url=False))]) from error
    faults = Faults()
    _check(seed, faults)
    load_certificates(seed, folder, faults)
    if faults:
        raise SeedError(list(faults))
    return seed


def path_of(location: Iterable[str | int]) -> str:
    """Write a place in a document: `applications[0].appId`."""
    text = ""
    for step in location:
        text += f"[{step}]" if isinstance(step, int) else f".{step}"
    return text.lstrip(".") or "the seed"


def _fault(error: Any) -> Fault:
    where, words = path_of(error["loc"]), error["msg"].removeprefix("Value error, ")
    if error["type"] == "missing":
        return Fault(where, None, "is missing")
    if error["type"] == "extra_forbidden":
        return Fault(where, None, "is unknown: check its spelling")
    shown = error["input"] if isinstance(error["input"], str | int | float | bool) else None
    hidden = error["loc"] and error["loc"][-1] == "secret"
    return Fault(where, None if shown is None or hidden else str(shown), _lower(words))


def _lower(words: str) -> str:
    return (words[:1].lower() + words[1:]).removeprefix("expected ")


def _check(seed: Seed, faults: Faults) -> None:
    tenants = {tenant.id.lower() for tenant in seed.tenants}
    listed = {
        "subscriptions": [entry.tenant for entry in seed.subscriptions],
        "applications": [entry.tenant for entry in seed.applications],
        "managedIdentities": [entry.tenant for entry in seed.managed_identities],
    }
    for name, used in listed.items():
        for index, tenant in enumerate(used):
            if tenant.lower() not in tenants:
                faults.add(f"{name}[{index}].tenant", tenant, "the id of one of `tenants`")
    _unique("tenants", "id", [entry.id for entry in seed.tenants], faults)
    _unique("subscriptions", "id", [entry.id for entry in seed.subscriptions], faults)
    _unique("applications", "appId", [entry.app_id for entry in seed.applications], faults)
    identities = seed.managed_identities
    _unique("managedIdentities", "clientId", [entry.client_id for entry in identities], faults)
    _unique("managedIdentities", "resourceId", [entry.resource_id for entry in identities], faults)
    _unique("issuers", "issuer", [entry.issuer for entry in seed.issuers], faults, key=str)
    for index, assignment in enumerate(seed.role_assignments):
        if role_named(assignment.role) is None:
            faults.add(
                f"roleAssignments[{index}].role", assignment.role, "a built-in role's name or GUID"
            )
    held = {
        "applications": [entry.federated_identity_credentials for entry in seed.applications],
        "managedIdentities": [entry.federated_identity_credentials for entry in identities],
    }
    for name, lists in held.items():
        for index, credentials in enumerate(lists):
            where = f"{name}[{index}].federatedIdentityCredentials"
            _unique(where, "name", [one.name for one in credentials], faults)
            pairs = [f"{one.issuer} {one.subject}" for one in credentials]
            _unique(where, "issuer and subject", pairs, faults, key=str)


def _unique(
    name: str,
    field: str,
    values: Sequence[str],
    faults: Faults,
    key: Callable[[str], str] = str.lower,
) -> None:
    seen: set[str] = set()
    for index, value in enumerate(values):
        if key(value) in seen:
            faults.add(f"{name}[{index}].{field}", value, "a value that no earlier entry has")
        seen.add(key(value))
