"""The client credentials grant, from the fields of a form to an access token.

Source: https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow.
Entra does not tell the order of its checks. Here: the tenant, the grant, the client, the scope and
its resource, and then whether the client is who it says (`assertion` has the order there).
"""

import hmac
import re
from dataclasses import dataclass
from typing import Any, Final

from emulator.calls.gate import Gate
from emulator.clock import Clock
from emulator.directory import (
    Application,
    Directory,
    Holder,
    ManagedIdentity,
    ServicePrincipal,
    Tenant,
)
from emulator.tokens import (
    assertion_refusals,
    assertions,
    client_certificate,
    issue,
    refusals,
)
from emulator.tokens.assertions import Assertion
from emulator.tokens.exchanges import Exchange
from emulator.tokens.form import Form, required, wanted_resource
from emulator.tokens.issuers import Issuers, Malformed, Unreachable
from emulator.tokens.resources import Resources
from emulator.tokens.signer import Signer

ALIASES: Final = frozenset({"common", "organizations", "consumers"})
"""What stands for many tenants; none of them can be meant by a client without a user."""

_TENANT: Final = re.compile(
    r"[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}"  # an id
    r"|(?=.{4,253}\Z)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}",  # or a domain
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class TokenEndpoint:
    """Everything that a token takes."""

    directory: Directory
    resources: Resources
    issuers: Issuers
    signer: Signer
    clock: Clock
    gate: Gate
    authority: str
    """Its own address, without a slash at the end: the start of tokens' issuer."""

    def tenant(self, name: str) -> str:
        """Return a tenant's id. Raises TokenRefusal for one that is not there."""
        return self._tenant(name).id

    async def answer(self, form: Form, exchange: Exchange) -> dict[str, Any]:
        """Return the answer to a form; fills the record in. Raises TokenRefusal."""
        if exchange.tenant.lower() in ALIASES:
            raise refusals.no_tenant()
        tenant = self._tenant(exchange.tenant)
        grant_type = required(form, "grant_type")
        if grant_type != "client_credentials":
            raise refusals.unsupported_grant(grant_type)
        holder, principal = self._client(required(form, "client_id"), tenant)
        audience = wanted_resource(form)
        resource = self.resources.find(audience, tenant.id)
        if resource is None:
            raise refusals.unknown_resource(audience, _name(tenant))
        proof = await self._proof(form, holder, exchange)
        return self.issue(issue.Grant(holder, principal, resource, audience, tenant.id, proof))

    def issue(self, grant: issue.Grant) -> dict[str, Any]:
        """Return the answer that carries a token."""
        managed = isinstance(grant.holder, ManagedIdentity)
        life = issue.MANAGED_LIFE if managed else issue.LIFE
        claims = issue.claims(grant, authority=self.authority, now=self.clock.now(), life=life)
        return {
            "token_type": "Bearer",
            "expires_in": life,
            "ext_expires_in": life,
            "access_token": self.signer.sign(claims),
        }

    def _tenant(self, name: str) -> Tenant:
        tenant = self.directory.tenants.get(name)
        if tenant is not None:
            return tenant
        if _TENANT.fullmatch(name) is None:
            raise refusals.malformed_tenant(name)
        raise refusals.unknown_tenant(name)

    def _client(self, client_id: str, tenant: Tenant) -> tuple[Holder, ServicePrincipal]:
        holder = self.directory.holder(client_id)
        principal = self.directory.principal(tenant.id, client_id)
        if holder is not None and principal is not None:
            return holder, principal
        if holder is not None and holder.tenant.lower() == tenant.id.lower():
            raise refusals.no_principal(holder.client_id, tenant.id)
        raise refusals.unknown_application(client_id, _name(tenant))

    async def _proof(self, form: Form, holder: Holder, exchange: Exchange) -> str:
        """Return how a client has proved who it is. Raises TokenRefusal where it has not."""
        if assertion := form.get("client_assertion"):
            if required(form, "client_assertion_type") != assertions.TYPE:
                raise refusals.malformed(f"client_assertion_type must be '{assertions.TYPE}'.")
            await self._check_assertion(assertion, holder, exchange)
            return issue.ASSERTION
        if secret := form.get("client_secret"):
            exchange.how = "secret"
            self._check_secret(secret, holder)
            return issue.SECRET
        raise refusals.no_proof()

    async def _check_assertion(self, text: str, holder: Holder, exchange: Exchange) -> None:
        exchange.how = "federated"
        assertion = assertions.read(text)
        exchange.issuer = refusals.shown(assertion.issuer)
        exchange.subject = refusals.shown(assertion.subject)
        exchange.audience = refusals.shown(", ".join(assertion.audiences))
        if assertion.is_federated:
            await self._check_federated(assertion, holder, exchange)
            return
        exchange.how = "certificate"
        client_certificate.check(
            assertion,
            holder.certificates if isinstance(holder, Application) else (),
            client_id=holder.client_id,
            tenant=exchange.tenant,
            now=self.clock.now(),
        )

    async def _check_federated(
        self, assertion: Assertion, holder: Holder, exchange: Exchange
    ) -> None:
        kid = assertions.signing_key(assertion)
        credentials = self.directory.credentials(holder.key).values(self.gate.known_at())
        if not credentials:
            raise assertion_refusals.no_credentials(holder.client_id, holder.display_name)
        matched = assertions.match(assertion, credentials, f"{self.authority}/")
        assertion.check_times(self.clock.now())
        try:
            key = await self.issuers.key(assertion.issuer, kid)
        except Unreachable as error:
            raise assertion_refusals.unreachable(str(error)) from error
        except Malformed as error:
            raise assertion_refusals.unusable(str(error)) from error
        if key is None:
            raise assertion_refusals.unknown_key(kid, assertion.issuer)
        if not assertion.token.is_signed_by(key, assertion.algorithm):
            raise assertion_refusals.bad_signature(kid)
        exchange.credential = matched.name

    def _check_secret(self, secret: str, holder: Holder) -> None:
        listed = holder.secrets if isinstance(holder, Application) else ()
        matching = [
            one for one in listed if hmac.compare_digest(one.value.encode(), secret.encode())
        ]
        if not matching:
            raise refusals.wrong_secret(holder.client_id)
        now = self.clock.now()
        if all(one.ends is not None and one.ends < now for one in matching):
            raise refusals.expired_secret(holder.client_id)


def _name(tenant: Tenant) -> str:
    return tenant.display_name or tenant.id
