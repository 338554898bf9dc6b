"""What a proof came to, without any token. Pure."""

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Any, Literal

from entra.exchange import Claims


class Result(Enum):
    """What a proof says about the credential."""

    VERIFIED = "True"
    """An access token came back."""
    REFUSED = "False"
    """Entra ID, or the API server, says no: somebody has to change something."""
    UNKNOWN = "Unknown"
    """It could not be found out; that is no fault of the credential."""


@dataclass(frozen=True, slots=True)
class Verification:
    """One proof, or why there is none."""

    result: Result
    reason: str
    """CamelCase and stable: programs match on it."""
    message: str
    """In words that a user can act on; without ids that differ from one proof to the next."""
    at: float
    """When it was made, in seconds since the epoch."""
    claims: Claims | None = None
    """What the access token said; None without one, or where it can't be read."""
    code: str = ""
    """The refusal's own: `AADSTS700213`; may be empty."""
    request_id: str = ""
    """Entra ID's trace id."""

    @property
    def verified(self) -> bool:
        """Whether the credential works."""
        return self.result is Result.VERIFIED

    @property
    def status(self) -> Literal["True", "False", "Unknown"]:
        """The status of the condition `Verified`."""
        return self.result.value

    def told(self) -> dict[str, Any]:
        """Return it as `status.lastProbe` has it, in the CRD's schema."""
        fields = {
            "at": datetime.fromtimestamp(self.at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "succeeded": self.verified,
            "code": self.code,
            "message": self.message,
            "requestId": self.request_id,
            "claims": _claims(self.claims),
        }
        return {name: value for name, value in fields.items() if value not in ("", None)}


def _claims(claims: Claims | None) -> dict[str, Any] | None:
    if claims is None:
        return None
    fields = {
        "aud": claims.aud,
        "iss": claims.iss,
        "tid": claims.tid,
        "clientId": claims.client_id,
        "oid": claims.oid,
        "idtyp": claims.idtyp,
        "resourceId": claims.xms_mirid,
        "roles": list(claims.roles),
        "exp": claims.exp,
    }
    return {name: value for name, value in fields.items() if value} or None
