"""Entra ID's token endpoint and IMDS as an httpx transport: it keeps state, and fails on demand.

    entra = FakeEntra(clock)
    entra.application(CLIENT, secret="...")
    entra.federate(CLIENT, subject="system:serviceaccount:team:app", known_in=90.0)
    entra.fail(Refuse(503), times=2)
    httpx.AsyncClient(transport=entra)

It compares an assertion's claims, and checks signatures of certificates only: federated assertions
are checked by the emulator, against an issuer's keys.
"""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qs

import httpx
import jwt
from cryptography.x509 import Certificate

from entra.http import Http, TimeLimits
from entra.msal_transport import MsalTransport

Json = dict[str, Any]

HOST: Final = "login.example"
AUTHORITY: Final = f"https://{HOST}/"
TENANT: Final = "72f988bf-86f1-41af-91ab-2d7cd011db47"
CLIENT: Final = "3f0c1a52-8d7e-4b6a-9c21-5e4d3c2b1a09"
ISSUER: Final = "https://issuer.example/"
SUBJECT: Final = "system:serviceaccount:team:app"
AUDIENCE: Final = "api://AzureADTokenExchange"
IMDS: Final = "http://169.254.169.254"


class Clock:
    """Seconds since the epoch, and time that passes while somebody sleeps."""

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self.now = now
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)


@dataclass(frozen=True, slots=True)
class Refuse:
    """An answer to give instead of the true one."""

    status: int
    body: str | Json = ""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Echo:
    """An answer that repeats all that was sent, as a proxy in its error page might."""

    status: int
    media: str
    """`json`, `html` or `form`."""


class Hang:
    """An answer that comes when `go_on` is set; `begun` is set when the request is there."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.go_on = asyncio.Event()
        self.cancelled = False


Failure = Refuse | Echo | Hang | Exception


@dataclass(slots=True)
class _Application:
    secrets: set[str] = field(default_factory=set)
    certificates: list[Certificate] = field(default_factory=list)
    credentials: list[Json] = field(default_factory=list)


@dataclass(slots=True)
class _Planned:
    failure: Failure
    method: str
    path: str
    times: int


class FakeEntra(httpx.AsyncBaseTransport):
    """One cloud with one tenant, and IMDS of a node; `requests` are all that came."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.clock = clock
        self.requests: list[httpx.Request] = []
        self.lifetime = 3600
        self.refresh_in: int | None = None
        self.claims: Json = {"roles": ["Reader"], "idtyp": "app"}
        """More claims of the tokens that are issued."""
        self.node_identities: dict[str | None, str] = {}
        """What IMDS gives tokens for: asked for by client id or not, and the token's client id."""
        self.before_each: Callable[[httpx.Request], object] = lambda _: None
        """Called with each request, before it is answered."""
        self._applications: dict[str, _Application] = {}
        self._planned: list[_Planned] = []
        self._issued = 0

    def application(self, client: str = CLIENT, *, secret: str | None = None) -> None:
        """Register an application; of an existing one, replace its secret."""
        application = self._applications.setdefault(client, _Application())
        application.secrets = set() if secret is None else {secret}

    def trust(self, certificate: Certificate, client: str = CLIENT) -> None:
        """Upload a certificate in place of those that were there."""
        self._applications[client].certificates = [certificate]

    def federate(
        self,
        client: str = CLIENT,
        *,
        subject: str = SUBJECT,
        issuer: str = ISSUER,
        known_in: float = 0.0,
    ) -> None:
        """Add a federated credential that is known after some seconds."""
        application = self._applications.setdefault(client, _Application())
        application.credentials.append(
            {
                "issuer": issuer,
                "subject": subject,
                "audience": AUDIENCE,
                "known_at": self.clock() + known_in,
            }
        )

    def fail(
        self, failure: Failure, *, times: int = 1, method: str = "POST", path: str = ""
    ) -> None:
        """Answer the next requests of that kind by a failure."""
        self._planned.append(_Planned(failure, method, path, times))

    def asked(self, method: str, path: str = "") -> int:
        """Return how many requests of that kind came."""
        return sum(r.method == method and path in r.url.path for r in self.requests)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await request.aread()
        self.requests.append(request)
        self.before_each(request)
        failure = self._failure(request)
        if isinstance(failure, Exception):
            raise failure
        if isinstance(failure, Hang):
            await _hang(failure)
        if isinstance(failure, Echo):
            return _echo(request, failure)
        if isinstance(failure, Refuse):
            body = failure.body if isinstance(failure.body, str) else json.dumps(failure.body)
            return httpx.Response(failure.status, text=body, headers=failure.headers)
        return self._answer(request)

    def _failure(self, request: httpx.Request) -> Failure | None:
        for planned in self._planned:
            fits = planned.method == request.method and planned.path in request.url.path
            if planned.times and fits:
                planned.times -= 1
                return planned.failure
        return None

    def _answer(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        if request.url.host == "169.254.169.254" or path.startswith("/metadata/"):
            return self._imds(request)
        tenant = path.split("/")[1]
        if tenant != TENANT:
            return _refusal(90002, f"Tenant '{tenant}' not found.", error="invalid_tenant")
        if path.endswith("/v2.0/.well-known/openid-configuration"):
            return httpx.Response(200, json=_discovery(request.url, tenant))
        form = {name: values[0] for name, values in parse_qs(request.content.decode()).items()}
        refusal = self._refusal(form, str(request.url))
        if refusal is not None:
            return refusal
        return httpx.Response(200, json=self._grant(form["client_id"], form["scope"]))

    def _refusal(self, form: Mapping[str, str], url: str) -> httpx.Response | None:
        application = self._applications.get(form["client_id"])
        if application is None:
            return _refusal(700016, f"Application with identifier '{form['client_id']}' not found")
        if not form["scope"].endswith("/.default"):
            return _refusal(1002012, f"scope {form['scope']} is not valid", error="invalid_scope")
        if "client_secret" in form:
            if form["client_secret"] in application.secrets:
                return None
            return _refusal(7000215, "Invalid client secret provided.", status=401)
        assertion = form["client_assertion"]
        header = jwt.get_unverified_header(assertion)
        if header.get("x5t#S256") or header.get("x5t"):
            return _certificate_refusal(application, assertion, url)
        return self._federation_refusal(application, assertion)

    def _federation_refusal(
        self, application: _Application, assertion: str
    ) -> httpx.Response | None:
        claims = jwt.decode(assertion, options={"verify_signature": False})
        if claims["exp"] <= self.clock():
            return _refusal(700024, "Client assertion is not within its valid time range.", 401)
        known = [c for c in application.credentials if c["known_at"] <= self.clock()]
        if not known:
            return _refusal(70025, "The client has no configured federated identity credentials.")
        for code, field_, claim in (
            (700211, "issuer", "iss"),
            (700213, "subject", "sub"),
            (700212, "audience", "aud"),
        ):
            known = [c for c in known if c[field_] == claims[claim]]
            if not known:
                return _refusal(
                    code, f"No matching record for presented {field_} '{claims[claim]}'.", 401
                )
        return None

    def _grant(self, client: str, scope: str) -> Json:
        granted: Json = {
            "token_type": "Bearer",
            "expires_in": self.lifetime,
            "ext_expires_in": self.lifetime,
            "access_token": self.issue(client, scope.removesuffix("/.default")),
        }
        if self.refresh_in is not None:
            granted["refresh_in"] = self.refresh_in
        return granted

    def issue(self, client: str, resource: str) -> str:
        """Make an access token; each is another one."""
        self._issued += 1
        return unsigned(
            {
                "aud": resource,
                "iss": f"https://sts.windows.net/{TENANT}/",
                "tid": TENANT,
                "appid": client,
                "oid": "0a1b2c3d-0000-4000-8000-000000000001",
                "exp": int(self.clock()) + self.lifetime,
                "uti": str(self._issued),
                **self.claims,
            }
        )

    def _imds(self, request: httpx.Request) -> httpx.Response:
        if request.headers.get("metadata") != "true":
            return httpx.Response(400, json={"error": "bad_request_102"})
        client = self.node_identities.get(request.url.params.get("client_id"))
        if client is None:
            body = {"error": "invalid_request", "error_description": "Identity not found"}
            return httpx.Response(400, json=body)
        resource = request.url.params["resource"]
        expires_on = int(self.clock()) + self.lifetime
        body = {
            "access_token": self.issue(client, resource),
            "refresh_token": "",
            "expires_in": str(self.lifetime),
            "expires_on": str(expires_on),
            "resource": resource,
            "token_type": "Bearer",
        }
        return httpx.Response(200, json=body)


@asynccontextmanager
async def msal_over(
    entra: httpx.AsyncBaseTransport, clock: Callable[[], float]
) -> AsyncIterator[MsalTransport]:
    """Run msal against a transport."""
    http = Http(entra, TimeLimits(connect=1.0, total=5.0))
    transport = MsalTransport(http, clock)
    try:
        yield transport
    finally:
        await transport.aclose()
        await http.aclose()


def unsigned(claims: Mapping[str, Any]) -> str:
    """Make a JWT with a signature that nobody checks."""
    parts = ({"alg": "RS256", "typ": "JWT"}, claims)
    encoded = [
        base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts
    ]
    return ".".join([*encoded, "c2lnbmF0dXJl"])


def account_token(clock: Callable[[], float], *, seconds: float = 3600.0, **claims: Any) -> str:
    """Make a ServiceAccount's token that ends in some seconds."""
    usual = {"iss": ISSUER, "sub": SUBJECT, "aud": AUDIENCE, "exp": int(clock() + seconds)}
    return unsigned({**usual, **claims})


def _echo(request: httpx.Request, failure: Echo) -> httpx.Response:
    sent = {**parse_qs(request.content.decode()), "headers": request.headers.multi_items()}
    match failure.media:
        case "json":
            told = f"AADSTS50027: {request.content.decode()} {json.dumps(sent)}"
            body: Json = {"error": "invalid_request", "error_description": told, **sent}
            return httpx.Response(failure.status, json=body)
        case "form":
            return httpx.Response(failure.status, content=request.content)
        case _:
            return httpx.Response(failure.status, html=f"<pre>{sent}</pre>")


async def _hang(failure: Hang) -> None:
    failure.begun.set()
    try:
        await failure.go_on.wait()
    except asyncio.CancelledError:
        failure.cancelled = True
        raise


def _discovery(url: httpx.URL, tenant: str) -> Json:
    authority = f"https://{url.netloc.decode()}/{tenant}"
    return {
        "issuer": f"{authority}/v2.0",
        "authorization_endpoint": f"{authority}/oauth2/v2.0/authorize",
        "token_endpoint": f"{authority}/oauth2/v2.0/token",
        "jwks_uri": f"{authority}/discovery/v2.0/keys",
    }


def _certificate_refusal(
    application: _Application, assertion: str, url: str
) -> httpx.Response | None:
    for certificate in application.certificates:
        try:
            jwt.decode(
                assertion,
                certificate.public_key(),  # type: ignore[arg-type]
                algorithms=["PS256", "RS256"],
                audience=url,
                options={"verify_exp": False, "verify_iat": False},
            )
        except jwt.InvalidTokenError:
            continue
        return None
    return _refusal(700027, "Client assertion failed signature validation.", 401)


def _refusal(
    code: int, description: str, status: int = 400, error: str = "invalid_client"
) -> httpx.Response:
    trace, correlation = f"trace-{code}", f"correlation-{code}"
    told = (
        f"AADSTS{code}: {description}\r\nTrace ID: {trace}\r\nCorrelation ID: {correlation}\r\n"
        "Timestamp: 2026-11-22 02:02:12Z"
    )
    body = {
        "error": error,
        "error_description": told,
        "error_codes": [code],
        "timestamp": "2026-11-22 02:02:12Z",
        "trace_id": trace,
        "correlation_id": correlation,
    }
    return httpx.Response(status, json=body)
