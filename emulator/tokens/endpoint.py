"""The client credentials grant, from a form to an access token.

Source: https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow
"""

import base64
import binascii
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote_plus

from emulator.calls.gate import Gate
from emulator.calls.refusal import TokenRefusal
from emulator.clock import Clock
from emulator.directory import Application, Directory, Holder, ManagedIdentity
from emulator.tokens import assertion as assertions
from emulator.tokens import issue
from emulator.tokens.exchanges import Exchange
from emulator.tokens.issuers import Issuers
from emulator.tokens.resources import Resource, Resources
from emulator.tokens.signer import Signer

_DEFAULT: Final = "/.default"


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
        tenant = self.directory.tenants.get(name)
        if tenant is None:
            raise TokenRefusal(
                400,
                "invalid_request",
                90002,
                f"Tenant '{name}' not found. Check to make sure you have the correct tenant ID and"
                " are signing into the correct cloud.",
            )
        return tenant.id

    async def answer(self, form: Mapping[str, str], exchange: Exchange) -> dict[str, Any]:
        """Return the answer to a form; fills the record in. Raises TokenRefusal."""
        tenant = self.tenant(exchange.tenant)
        _check_grant(form)
        holder = self._holder(_required(form, "client_id"), tenant)
        resource, audience = self._resource(_required(form, "scope"), tenant)
        proof = await self._proof(form, holder, exchange)
        principal = self.directory.principal(tenant, holder.client_id)
        if principal is None:
            raise _unknown_application(holder.client_id, tenant)
        grant = issue.Grant(holder, principal, resource, audience, tenant, proof)
        return self.issue(grant)

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

    def _holder(self, client_id: str, tenant: str) -> Holder:
        holder = self.directory.holder(client_id)
        if holder is None or self.directory.principal(tenant, client_id) is None:
            raise _unknown_application(client_id, tenant)
        return holder

    def _resource(self, scope: str, tenant: str) -> tuple[Resource, str]:
        if not scope.endswith(_DEFAULT) or " " in scope:
            raise TokenRefusal(
                400,
                "invalid_scope",
                1002012,
                f"The provided value for scope {scope[:200]} is not valid. Client credential flows"
                " must have a scope value with /.default suffixed to the resource identifier"
                " (application ID URI).",
            )
        audience = scope.removesuffix(_DEFAULT)
        resource = self.resources.find(audience, tenant)
        if resource is None:
            raise TokenRefusal(
                400,
                "invalid_resource",
                500011,
                f"The resource principal named {audience[:200]} was not found in the tenant named"
                f" {tenant}.",
            )
        return resource, audience

    async def _proof(self, form: Mapping[str, str], holder: Holder, exchange: Exchange) -> str:
        if assertion := form.get("client_assertion"):
            if form.get("client_assertion_type") != assertions.TYPE:
                raise TokenRefusal(
                    400,
                    "invalid_request",
                    900144,
                    "The request body must contain the following parameter:"
                    f" 'client_assertion_type' with the value '{assertions.TYPE}'.",
                )
            await self._federated(assertion, holder, exchange)
            return issue.ASSERTION
        if secret := form.get("client_secret"):
            exchange.how = "secret"
            self._check_secret(secret, holder)
            return issue.SECRET
        raise TokenRefusal(
            401,
            "invalid_client",
            7000216,
            "'client_assertion', 'client_secret' or 'request' is required for the"
            " 'client_credentials' grant type.",
        )

    async def _federated(self, token: str, holder: Holder, exchange: Exchange) -> None:
        exchange.how = "federated"
        found = assertions.read(token)
        exchange.issuer, exchange.subject = found.issuer, found.subject
        exchange.audience = ", ".join(found.audiences)
        known = self.directory.credentials(holder.key).values(self.gate.known_at())
        candidates = assertions.knowing_the_issuer(found, known, holder.client_id)
        await assertions.verify_signature(found, token, self.issuers)
        assertions.check_times(found, self.clock.now())
        exchange.credential = assertions.match(found, candidates).name

    def _check_secret(self, secret: str, holder: Holder) -> None:
        listed = holder.secrets if isinstance(holder, Application) else ()
        matching = [
            one for one in listed if hmac.compare_digest(one.value.encode(), secret.encode())
        ]
        if not matching:
            raise TokenRefusal(
                401,
                "invalid_client",
                7000215,
                "Invalid client secret provided. Ensure the secret being sent in the request is"
                " the client secret value, not the client secret ID, for a secret added to app"
                f" '{holder.client_id}'.",
            )
        now = self.clock.now()
        if all(one.ends is not None and one.ends < now for one in matching):
            raise TokenRefusal(
                401,
                "invalid_client",
                7000222,
                f"The provided client secret keys for app '{holder.client_id}' are expired.",
            )


def with_basic(form: Mapping[str, str], authorization: str) -> dict[str, str]:
    """Return a form with the client's name and secret of a Basic header. Source: RFC 6749, 2.3.1.

    What stands in the form goes before; a header that can't be read counts as none.
    """
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return dict(form)
    try:
        text = base64.b64decode(encoded.strip(), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return dict(form)
    name, _, secret = text.partition(":")
    sent = {"client_id": unquote_plus(name), "client_secret": unquote_plus(secret)}
    return sent | dict(form)


def _check_grant(form: Mapping[str, str]) -> None:
    grant = _required(form, "grant_type")
    if grant != "client_credentials":
        raise TokenRefusal(
            400,
            "unsupported_grant_type",
            70003,
            f"The app requested an unsupported grant type '{grant[:200]}'.",
        )


def _required(form: Mapping[str, str], name: str) -> str:
    value = form.get(name)
    if not value:
        raise TokenRefusal(
            400,
            "invalid_request",
            900144,
            f"The request body must contain the following parameter: '{name}'.",
        )
    return value


def _unknown_application(client_id: str, tenant: str) -> TokenRefusal:
    return TokenRefusal(
        400,
        "unauthorized_client",
        700016,
        f"Application with identifier '{client_id[:200]}' was not found in the directory"
        f" '{tenant}'. This can happen if the application has not been installed by the"
        " administrator of the tenant or consented to by any user in the tenant.",
    )
