"""What access tokens can be for: the services of Azure that programs ask for most, and our own.

Source of the app ids:
https://learn.microsoft.com/troubleshoot/entra/entra-id/governance/verify-first-party-apps-sign-in
"""

from dataclasses import dataclass
from typing import Final

from emulator.directory import Application, Directory


@dataclass(frozen=True, slots=True)
class Resource:
    """One thing that takes access tokens."""

    app_id: str
    uris: tuple[str, ...]
    """Its names, without a slash at the end."""
    version: int = 1
    """Of the tokens that it asks for: 1 or 2."""


GRAPH: Final = Resource(
    "00000003-0000-0000-c000-000000000000",
    (
        "https://graph.microsoft.com",
        "https://graph.microsoft.us",
        "https://dod-graph.microsoft.us",
        "https://microsoftgraph.chinacloudapi.cn",
    ),
)
ARM: Final = Resource(
    "797f4846-ba00-4fd7-ba43-dac1f8f63013",
    (
        "https://management.azure.com",
        "https://management.core.windows.net",
        "https://management.usgovcloudapi.net",
        "https://management.core.usgovcloudapi.net",
        "https://management.chinacloudapi.cn",
        "https://management.core.chinacloudapi.cn",
    ),
)
FIRST_PARTY: Final = (
    GRAPH,
    ARM,
    Resource("cfa8b339-82a2-471a-a3c9-0fc0be7a4093", ("https://vault.azure.net",)),
    Resource("e406a681-f3d4-42a8-90b6-c2b029497af1", ("https://storage.azure.com",)),
    Resource("022907d3-0f1b-48f7-badc-1ba6abab6d66", ("https://database.windows.net",)),
    Resource("80a10ef9-8168-493d-abf9-3297c4ef6e3c", ("https://servicebus.azure.net",)),
    Resource("80369ed6-5f11-4dd9-bef3-692475845e77", ("https://eventhubs.azure.net",)),
    Resource("a232010e-820c-4083-83bb-3ace5fc29d0b", ("https://cosmos.azure.com",)),
    Resource("7d312290-28c8-473c-a0ed-8e53749b6d6d", ("https://cognitiveservices.azure.com",)),
    Resource(
        "123cd850-d9df-40bd-94d5-c9f07b7fa203", ("https://ossrdbms-aad.database.windows.net",)
    ),
)


class Resources:
    """Finds what a scope names."""

    def __init__(self, directory: Directory, own_origin: str) -> None:
        self._directory = directory
        self.own = Resource("azwi-emulator", (own_origin,))
        """The emulator itself: SDKs that are given its address as an endpoint ask for this."""
        self._named: dict[str, Resource] = {}
        for resource in (*FIRST_PARTY, self.own):
            for name in (resource.app_id, *resource.uris):
                self._named[name.lower()] = resource

    def find(self, name: str, tenant: str) -> Resource | None:
        """Find a resource by its URI or app id, in a tenant; a slash at the end does not matter."""
        bare = name.rstrip("/").lower()
        if (found := self._named.get(bare)) is not None:
            return found
        for application in self._directory.applications.values():
            if self._is_named(application, bare) and self._directory.principal(
                tenant, application.app_id
            ):
                return Resource(
                    application.app_id,
                    (f"api://{application.app_id}", *application.identifier_uris),
                    application.token_version,
                )
        return None

    def is_for(self, audience: str, resource: Resource) -> bool:
        """Tell whether a token's audience is a resource, or the emulator as one."""
        found = self._named.get(audience.rstrip("/").lower())
        return found is not None and found in {resource, self.own}

    def _is_named(self, application: Application, bare: str) -> bool:
        names = (
            application.app_id,
            f"api://{application.app_id}",
            *application.identifier_uris,
        )
        return any(bare == name.rstrip("/").lower() for name in names)
