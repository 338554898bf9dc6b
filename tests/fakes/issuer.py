"""An issuer of assertions: it keeps its keys, rotates them, and fails on demand.

    issuer = FakeIssuer()
    issuer.token(subject="system:serviceaccount:team:app")
    issuer.rotate()                      # a new key signs; the old one stays published
    issuer.withdraw(kid)
    issuer.behave(Status(503))           # until `behave(None)`

For an emulator in the process: `fetch=issuer.fetch`. Over HTTPS, for one that is a process of its
own: `with served(issuer) as address`.
"""

import asyncio
import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

import jwt
import trustme
from cryptography.hazmat.primitives.asymmetric import rsa

from emulator.tokens.issuers import Malformed, Reach, Unreachable

Json = dict[str, Any]

NAME: Final = "https://issuer.test/cluster/"
SUBJECT: Final = "system:serviceaccount:team:app"
AUDIENCE: Final = "api://AzureADTokenExchange"
LIFE: Final = 3600
_DISCOVERY: Final = ".well-known/openid-configuration"
_KEYS: Final = "openid/v1/jwks"


@cache
def rsa_key(number: int) -> rsa.RSAPrivateKey:
    """The same keys in every test of a run: to make one takes a while."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def jwk(key: rsa.RSAPublicKey, kid: str) -> Json:
    found: Json = jwt.algorithms.RSAAlgorithm.to_jwk(key, as_dict=True)
    found.pop("key_ops", None)
    return found | {"kid": kid, "use": "sig", "alg": "RS256"}


@dataclass(frozen=True, slots=True)
class Status:
    """An answer in the place of every document."""

    code: int
    body: bytes = b"{}"
    headers: dict[str, str] = field(default_factory=dict)


class Hang:
    """No answer, until `go_on` is set; `begun` is set when somebody waits for one."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.go_on = threading.Event()


Behaviour = Status | Hang | None


@dataclass
class FakeIssuer:
    """One issuer. `asked` are the addresses that it was asked for, with the Authorization sent."""

    name: str = NAME
    clock: Callable[[], float] = time.time
    document: Json = field(default_factory=dict)
    """Over what the discovery document says."""
    asked: list[tuple[str, str]] = field(default_factory=list)
    behaviour: Behaviour = None
    before_each: list[asyncio.Event] = field(default_factory=list)
    """What `fetch` waits for, one after the other, before it answers."""

    def __post_init__(self) -> None:
        self._made = 0
        self.signing_kid = ""
        self.published: dict[str, Json] = {}
        self.rotate()

    def rotate(self) -> str:
        """Sign with a new key from now on, and publish it beside the others; returns its id."""
        self._made += 1
        self.signing_kid = f"key-{self._made}"
        public = rsa_key(self._made).public_key()
        self.published[self.signing_kid] = jwk(public, self.signing_kid)
        return self.signing_kid

    def withdraw(self, kid: str) -> None:
        """Publish a key no longer."""
        del self.published[kid]

    def behave(self, behaviour: Behaviour) -> None:
        """Fail from now on, or no longer."""
        self.behaviour = behaviour

    def key(self, kid: str = "") -> rsa.RSAPrivateKey:
        return rsa_key(int((kid or self.signing_kid).removeprefix("key-")))

    def claims(self, **changed: Any) -> Json:
        """Claims as of a ServiceAccount's token; None takes one away."""
        now = int(self.clock())
        found: Json = {
            "iss": self.name,
            "sub": SUBJECT,
            "aud": [AUDIENCE],
            "iat": now,
            "nbf": now,
            "exp": now + LIFE,
        }
        return {name: value for name, value in (found | changed).items() if value is not None}

    def token(self, *, header: Json | None = None, **changed: Any) -> str:
        """A signed token; `changed` are claims, as above."""
        headers = {"kid": self.signing_kid, "typ": None} | (header or {})
        return jwt.encode(
            self.claims(**changed),
            self.key(),
            algorithm="RS256",
            headers=headers,
        )

    async def fetch(self, url: str, reach: Reach) -> Any:
        """What an emulator in the same process is given to fetch with."""
        self.asked.append((url, ""))
        if self.before_each:
            await self.before_each.pop(0).wait()
        match self.behaviour:
            case Status(code=200, body=body):
                try:
                    return json.loads(body)
                except ValueError as error:
                    raise Malformed(f"{url} does not answer with JSON") from error
            case Status(code=code):
                raise Unreachable(f"{url} answers with status {code}")
        found = self.page(url.removeprefix(reach.base + "/"), self.name)
        if found is None:
            raise Unreachable(f"{url} answers with status 404")
        return found

    def page(self, path: str, base: str) -> Json | None:
        """A document by its path below the issuer; `base` is where it is found."""
        if path == _DISCOVERY:
            return {"issuer": self.name, "jwks_uri": f"{base.rstrip('/')}/{_KEYS}"} | self.document
        return {"keys": list(self.published.values())} if path == _KEYS else None


@dataclass(frozen=True, slots=True)
class Address:
    """Where an issuer is served."""

    url: str
    """`https://127.0.0.1:port`."""
    ca: Path


@contextmanager
def served(issuer: FakeIssuer, folder: Path) -> Iterator[Address]:
    """Serve an issuer over HTTPS; the folder gets the file of the CA."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    server = _Server(issuer, context)
    ca = folder / "issuer-ca.crt"
    authority.cert_pem.write_to_path(str(ca))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield Address(server.url, ca)
    finally:
        if isinstance(issuer.behaviour, Hang):
            issuer.behaviour.go_on.set()
        server.shutdown()
        thread.join()
        server.server_close()


class _Server(ThreadingHTTPServer):
    """A thread for each connection; all have ended when it is closed."""

    daemon_threads = False

    def __init__(self, issuer: FakeIssuer, context: ssl.SSLContext) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.issuer = issuer
        self.context = context
        self.url = f"https://127.0.0.1:{self.server_address[1]}"

    def finish_request(self, request: Any, client_address: Any) -> None:
        try:
            with self.context.wrap_socket(request, server_side=True) as connection:
                super().finish_request(connection, client_address)
        except (ssl.SSLError, ConnectionError):
            return  # the other side does not trust us, or has gone away


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        issuer = self.server.issuer
        issuer.asked.append((self.path, self.headers.get("Authorization", "")))
        behaviour = issuer.behaviour
        if isinstance(behaviour, Hang):
            behaviour.begun.set()
            behaviour.go_on.wait()
            behaviour = None
        if behaviour is None:
            found = issuer.page(self.path.removeprefix("/"), self.server.url)
            behaviour = Status(404) if found is None else Status(200, json.dumps(found).encode())
        self.send_response(behaviour.code)
        for name, value in behaviour.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(behaviour.body)))
        self.end_headers()
        self.wfile.write(behaviour.body)

    def log_message(self, *_: Any) -> None:
        """Nobody reads it."""
