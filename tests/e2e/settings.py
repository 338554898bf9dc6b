"""What the suite is told: which cluster, which images, which Entra ID. `hack.e2e` tells it."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NoReturn, Self

import pytest

TENANT: Final = "5f1c9d1e-9f3b-4a53-8d0c-2f6d0c1b7a42"
"""As all ids here: those of examples/, known to the emulator by its seed."""
CONTROLLER: Final = "c0ffee00-0000-4000-8000-000000000001"
ORDERS: Final = "3f0c1a52-8d7e-4b6a-9c21-5e4d3c2b1a09"
"""An app registration; of the ServiceAccount of this name."""
MAIL: Final = "c0ffee00-0000-4000-8000-000000000002"
"""A managed identity; of the ServiceAccount of this name."""
SUBSCRIPTION: Final = "7d2f4a5e-3c1b-4f0e-9a67-5b8c2d1e0f34"

_KUBECONFIG: Final = "AZWI_E2E_KUBECONFIG"


@dataclass(frozen=True, slots=True)
class Identities:
    """Client ids and where they live: the emulator's, or somebody's in Entra ID itself."""

    real: bool
    tenant: str
    controller: str
    orders: str
    mail: str
    subscription: str

    def spelt(self) -> dict[str, str]:
        """Say what stands for the ids of examples/."""
        return {
            TENANT: self.tenant,
            CONTROLLER: self.controller,
            ORDERS: self.orders,
            MAIL: self.mail,
            SUBSCRIPTION: self.subscription,
        }


@dataclass(frozen=True, slots=True)
class Settings:
    """One run."""

    kubeconfig: Path
    registry: str
    """Images are `<registry>/<target>:<tag>`."""
    tag: str
    identities: Identities

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Self:
        """Read the variables; without a cluster the tests are skipped."""
        kubeconfig = environment.get(_KUBECONFIG)
        if not kubeconfig:
            skip_or_fail(
                f"no cluster for it: run `make e2e`, or name a kubeconfig in {_KUBECONFIG}"
            )
        return cls(
            kubeconfig=Path(kubeconfig),
            registry=environment.get("AZWI_E2E_REGISTRY") or "localhost/azwi",
            tag=environment.get("AZWI_E2E_TAG") or "dev",
            identities=_identities(environment),
        )

    def spelt(self) -> dict[str, str]:
        """Say what stands for the words of examples/."""
        images = {
            f"registry.example/azwi/{target}:dev": self.image(target)
            for target in ("e2e", "emulator")
        }
        return images | self.identities.spelt()

    def image(self, target: str) -> str:
        """Name the image of a component."""
        return f"{self.registry}/{target}:{self.tag}"


def _identities(environment: Mapping[str, str]) -> Identities:
    names = ("TENANT_ID", "CONTROLLER_CLIENT_ID", "CLIENT_ID", "MANAGED_CLIENT_ID", "SUBSCRIPTION")
    given = {name: environment.get(f"AZWI_E2E_{name}", "") for name in names}
    if not any(given.values()):
        return Identities(
            real=False,
            tenant=TENANT,
            controller=CONTROLLER,
            orders=ORDERS,
            mail=MAIL,
            subscription=SUBSCRIPTION,
        )
    if missing := [f"AZWI_E2E_{name}" for name, value in given.items() if not value]:
        pytest.fail(f"Entra ID itself needs {', '.join(missing)}, too (docs: tests/e2e/README.md)")
    tenant, controller, orders, mail, subscription = given.values()
    return Identities(
        real=True,
        tenant=tenant,
        controller=controller,
        orders=orders,
        mail=mail,
        subscription=subscription,
    )


def skip_or_fail(reason: str) -> NoReturn:
    """Skip for want of something; fail where the suite is required."""
    if os.environ.get("AZWI_REQUIRE_E2E") == "1":
        pytest.fail(f"AZWI_REQUIRE_E2E=1, but {reason}", pytrace=False)
    pytest.skip(reason)
