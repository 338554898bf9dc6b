"""Where a managed identity is, as a path names it."""

import re
from dataclasses import dataclass
from typing import Final

from emulator.arm import words
from emulator.directory import ManagedIdentity

GROUP: Final = re.compile(r"[\w().-]{0,89}[\w()-]")
IDENTITY: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{2,127}")
"""Source: https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules"""


@dataclass(frozen=True, slots=True)
class Place:
    """A managed identity's, whether it is there or not."""

    subscription: str
    group: str
    name: str

    @property
    def id(self) -> str:
        """Return its resource id."""
        empty = ManagedIdentity(self.subscription, self.group, self.name, "", "", "")
        return empty.resource_id

    @property
    def key(self) -> str:
        """What it is kept under."""
        return self.id.lower()

    def check(self) -> None:
        """Refuse names that nothing can have. Raises Refusal (400)."""
        if not GROUP.fullmatch(self.group):
            raise words.name_invalid(
                self.group,
                "a resource group's has up to 90 letters, digits, -, _, (, ) and ., and does not"
                " end with a .",
            )
        if not IDENTITY.fullmatch(self.name):
            raise words.name_invalid(
                self.name,
                "a managed identity's has 3 to 128 letters, digits, - and _, and begins with a"
                " letter or digit",
            )


def region(location: str) -> str:
    """Return a location's name as the service writes it: `West Europe` is `westeurope`."""
    return location.replace(" ", "").lower()
