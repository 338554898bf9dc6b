"""The form of a seed file. docs/emulator.md shows one."""

import re
from typing import Annotated, Final

from pydantic import AfterValidator, Field, StringConstraints

from emulator.calls.faults import WHOLE, Model, Settings
from emulator.directory.rules import NAME
from identity.names import DEFAULT_AUDIENCE

_UUID: Final = r"^[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}$"
_HTTPS: Final = r"^[hH][tT][tT][pP][sS]://[!\"$-.0->@-~]+[!\"$->@-~]*$"
"""A host, then a path; printable ASCII without `#` and `?`."""
_NAME: Final = f"^{NAME.pattern}$"
_RESOURCE: Final = (
    r"/subscriptions/(?P<subscription>[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12})"
    r"/resourceGroups/(?P<group>[a-zA-Z0-9._()-]{1,90})"
    r"/providers/Microsoft\.ManagedIdentity/userAssignedIdentities/"
    r"(?P<name>[a-zA-Z0-9_-]{3,128})"
)
_RESOURCE_ID: Final = re.compile(_RESOURCE, re.IGNORECASE)
_TOKEN: Final = "^[!-~]+$"

WORDS: Final = {
    _UUID: "a UUID",
    _HTTPS: "an address that begins with https://, without query and fragment",
    _NAME: "3 to 120 letters, digits, - and _, a letter or digit first",
    _TOKEN: "printable ASCII characters without blanks",
    "^/": "a path that begins with /",
}
"""What each pattern asks for."""


def _resource(value: str) -> str:
    if split_resource_id(value) is None:
        raise ValueError(
            "expected /subscriptions/<UUID>/resourceGroups/<group>/providers/"
            "Microsoft.ManagedIdentity/userAssignedIdentities/<name of 3 to 128 letters>"
        )
    return value


def split_resource_id(value: str) -> tuple[str, str, str] | None:
    """Return subscription, group and name of a managed identity's resource id, else None."""
    match = _RESOURCE_ID.fullmatch(value)
    return None if match is None else (match["subscription"], match["group"], match["name"])


Uuid = Annotated[str, StringConstraints(pattern=_UUID)]
Https = Annotated[str, StringConstraints(pattern=_HTTPS, max_length=600)]
Name = Annotated[str, StringConstraints(pattern=_NAME)]
ResourceId = Annotated[
    str,
    AfterValidator(_resource),
    Field(json_schema_extra={"pattern": "^" + _RESOURCE.replace("?P<", "?<") + "$"}),
]
Text = Annotated[str, StringConstraints(min_length=1, max_length=600)]


class Tenant(Model):
    """A directory."""

    id: Uuid
    display_name: str = ""


class Subscription(Model):
    """A subscription; those of managed identities need not be listed."""

    id: Uuid
    tenant: Uuid
    display_name: str = ""


class Credential(Model):
    """A federated credential that is there from the start."""

    name: Name
    issuer: Https
    subject: Text
    audiences: list[Text] = Field(
        default_factory=lambda: [DEFAULT_AUDIENCE], min_length=1, max_length=1
    )
    description: str | None = Field(None, max_length=600)


Credentials = Annotated[list[Credential], Field(default_factory=list, max_length=20)]


class Application(Model):
    """An app registration with its service principal."""

    app_id: Uuid
    display_name: Annotated[str, StringConstraints(min_length=1, max_length=256)]
    tenant: Uuid
    object_id: Uuid | None = None
    """Left out: derived from the app id, the same in every run."""
    secret: str | None = Field(None, min_length=1, repr=False)
    certificate: str | None = Field(None, min_length=1)
    """Certificates to sign in with: PEM, or the name of a file of it beside the seed file."""
    owner: Uuid | None = None
    """The client id of who may change it by `Application.ReadWrite.OwnedBy`; left out: anybody."""
    permissions: list[Text] | None = None
    """In Graph, as a caller; left out: Application.ReadWrite.OwnedBy and Application.Read.All."""
    identifier_uris: list[Text] = Field(default_factory=list)
    requested_access_token_version: Annotated[int, Field(ge=1, le=2), WHOLE] = 1
    """Of tokens for the application as a resource."""
    federated_identity_credentials: Credentials


class ManagedIdentity(Model):
    """A user-assigned managed identity."""

    resource_id: ResourceId
    """In the form of Azure Resource Manager."""
    client_id: Uuid
    tenant: Uuid
    principal_id: Uuid | None = None
    """The object id of its service principal; left out: derived, the same in every run."""
    location: str = "westeurope"
    permissions: list[Text] | None = None
    """In Graph, as a caller; left out: as of an application."""
    federated_identity_credentials: Credentials

    @property
    def parts(self) -> tuple[str, str, str]:
        """Its subscription, resource group and name."""
        found = split_resource_id(self.resource_id)
        assert found is not None  # noqa: S101 - it was read
        return found


class RoleAssignment(Model):
    """A role that somebody has at a scope of Azure."""

    scope: Annotated[str, StringConstraints(pattern=r"^/")]
    role: Text
    """The name or the GUID of a built-in role."""
    principal: Uuid
    """A client id or an object id."""


class Issuer(Model):
    """How an issuer of assertions is reached, where its name does not resolve here."""

    issuer: Https
    """As tokens have it, to the letter."""
    reach: Https | None = None
    """Where its documents really are; left out: at its name."""
    ca: str | None = Field(None, min_length=1)
    """A file of PEM certificates, relative to the seed; left out: that of --issuer-ca."""
    ca_data: str | None = Field(None, min_length=1)
    """The certificates themselves, in the place of a file."""
    token_file: str | None = Field(None, min_length=1)
    """A file, relative to the seed, with a bearer token that its documents take; read each time."""
    token: str | None = Field(None, min_length=1, repr=False, pattern=_TOKEN)
    """The token itself, in the place of a file."""


class Seed(Model):
    """All of it."""

    tenants: list[Tenant] = Field(default_factory=list)
    subscriptions: list[Subscription] = Field(default_factory=list)
    applications: list[Application] = Field(default_factory=list)
    managed_identities: list[ManagedIdentity] = Field(default_factory=list)
    role_assignments: list[RoleAssignment] = Field(default_factory=list)
    enforce_role_assignments: bool = False
    issuers: list[Issuer] = Field(default_factory=list)
    faults: Settings = Field(default_factory=Settings)
