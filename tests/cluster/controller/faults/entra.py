"""The emulator behind a gateway, and what stands in it."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import httpx

from hack.cluster.addresses import free_port
from hack.emulator import Emulator, running
from tests.cluster.api import Json
from tests.cluster.controller.faults.seed import seed
from tests.gateway import Gateway, Upstream

_REMOVED: Final = "removed, and still known"
Credentials = Mapping[str, Counter[str]]
"""By client id: how often each subject has a credential; identities without any are left out."""


@dataclass(frozen=True, slots=True)
class Entra:
    """An emulator whose public address is a gateway's; asked here past that."""

    emulator: Emulator
    http: httpx.Client

    def credentials(self) -> Credentials:
        """Look at what stands there, past all faults."""
        state = self.admin("GET", "/state")
        found: dict[str, Counter[str]] = {}
        for client_id, credentials in (
            *((row["appId"], row["federatedIdentityCredentials"]) for row in state["applications"]),
            *(
                (row["clientId"], row["federatedIdentityCredentials"])
                for row in state["managedIdentities"]
            ),
        ):
            there = Counter(one["subject"] for one in credentials if one["known"] != _REMOVED)
            if there:
                found[client_id] = there
        return found

    def faults(self, faults: Json) -> None:
        """Set these and no others."""
        self.admin("PUT", "/faults", faults)

    def reset(self) -> None:
        """Back to the seed, without faults."""
        self.admin("POST", "/reset")

    def admin(self, method: str, path: str, body: Any = None) -> Any:
        """Ask the admin API."""
        answer = self.http.request(method, f"/_admin{path}", json=body)
        answer.raise_for_status()
        return answer.json() if answer.content else None


@contextmanager
def entra_behind(gates: Sequence[Gateway], folder: Path) -> Iterator[Entra]:
    """Run an emulator behind gateways; its links lead through the first one."""
    port = free_port("127.0.0.1")
    own = folder / "emulator"
    own.mkdir()
    emulator = Emulator(own, seed(), [f"--port={port}", f"--public-url={gates[0].url}"])
    with running(emulator):
        direct = f"https://127.0.0.1:{port}"
        emulator.addresses = replace(emulator.addresses, authority=direct)
        for gate in gates:
            gate.lead_to(Upstream.trusting(direct, emulator.addresses.ca))
        with emulator.client() as http:
            yield Entra(emulator, http)
