"""What the admin API answers. Nothing here holds a secret, a token or an assertion."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from emulator.calls.faults import Failure
from emulator.directory import SLOTS


class Shape(BaseModel):
    """Camel case outside."""

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, use_attribute_docstrings=True
    )


class FaultTold(Shape):
    """One thing that is wrong with a request."""

    where: str
    """Its path: `applications[0].appId`."""
    message: str


class ErrorTold(Shape):
    """Why a request was refused."""

    code: str
    message: str
    faults: list[FaultTold]


class Refused(Shape):
    """A refusal."""

    error: ErrorTold


class Health(Shape):
    """That it serves."""

    status: Literal["ok"] = "ok"
    version: str
    uptime_seconds: float


class Failures(Shape):
    """The rules by which calls fail that are left."""

    failures: list[Failure]


class CallTold(Shape):
    """One request that came, and how it ended."""

    number: int
    service: str
    kind: str
    identity: str
    """The client id that it is about; empty: about none."""
    caller: str
    """The client id of the bearer token; empty: none."""
    method: str
    path: str
    status: int | None
    """Null: no answer yet, or the caller went away."""
    code: str
    """The service's code of a refusal, or AADSTS and its number."""
    request_id: str
    client_request_id: str
    began: float
    """Seconds since the epoch by the emulator's clock."""
    seconds: float | None


class Requests(Shape):
    """Requests in the order in which they came."""

    requests: list[CallTold]
    dropped: int
    """How many are no longer kept."""


class Count(Shape):
    """How often a kind was asked about an identity."""

    kind: str
    identity: str
    count: int


class Counts(Shape):
    """All counts."""

    total: int
    counts: list[Count]


class ExchangeTold(Shape):
    """One request for a token."""

    at: float
    """Seconds since the epoch by the emulator's clock."""
    tenant: str
    client_id: str
    how: str
    issuer: str
    subject: str
    audience: str
    scope: str
    credential: str
    """The name of the federated credential that fitted."""
    aadsts: int | None
    """Null: a token was issued."""
    reason: str


class ExchangesTold(Shape):
    """Requests for tokens in the order in which they came."""

    exchanges: list[ExchangeTold]


class TenantTold(Shape):
    """A directory."""

    id: str
    display_name: str


class SubscriptionTold(Shape):
    """A subscription."""

    id: str
    tenant: str
    display_name: str


class SecretTold(Shape):
    """A secret, without it."""

    key_id: str
    display_name: str | None
    ends: float | None


class CredentialTold(Shape):
    """A federated credential."""

    id: str
    name: str
    issuer: str
    subject: str
    audiences: list[str]
    description: str | None
    known: str
    """To the token endpoint: `known`, `not yet known`, ..."""
    since: float | None
    """Epoch seconds of the last change; null: from the start."""
    settles_in_seconds: float


Slots = Annotated[int, Field(ge=0)]


class ApplicationTold(Shape):
    """An app registration."""

    object_id: str
    app_id: str
    tenant: str
    display_name: str
    owners: list[str]
    permissions: list[str]
    identifier_uris: list[str]
    requested_access_token_version: int
    secrets: list[SecretTold]
    certificates: int
    slots: Slots = SLOTS
    slots_used: Slots
    federated_identity_credentials: list[CredentialTold]


class IdentityTold(Shape):
    """A managed identity."""

    resource_id: str
    client_id: str
    principal_id: str
    tenant: str
    location: str
    slots: Slots = SLOTS
    slots_used: Slots
    federated_identity_credentials: list[CredentialTold]


class PrincipalTold(Shape):
    """A service principal."""

    object_id: str
    app_id: str
    tenant: str
    display_name: str
    type: str


class AssignmentTold(Shape):
    """A role that somebody has."""

    id: str
    scope: str
    principal_id: str
    role: str
    """The name of the role, or its GUID."""


class IssuerTold(Shape):
    """How an issuer is reached."""

    issuer: str
    reach: str | None
    ca: str | None
    """A file; null: given as a text, or the one of the command line."""
    token_file: str | None
    has_token: bool


class Issuers(Shape):
    """All that were given."""

    issuers: list[IssuerTold]


class State(Shape):
    """Everything that the emulator holds."""

    tenants: list[TenantTold]
    subscriptions: list[SubscriptionTold]
    applications: list[ApplicationTold]
    managed_identities: list[IdentityTold]
    service_principals: list[PrincipalTold]
    role_assignments: list[AssignmentTold]
    issuers: list[IssuerTold]


class Added(Shape):
    """How many entries of each list of a seed were made."""

    added: dict[str, int]
