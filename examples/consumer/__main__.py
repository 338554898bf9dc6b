"""Signs in to Entra ID as the pod's identity and tells the claims of the access token.

    python examples/consumer [--scope SCOPE] [--port N] [--once]

The webhook gives the pod all that azure-identity reads: AZURE_CLIENT_ID, AZURE_TENANT_ID,
AZURE_AUTHORITY_HOST and AZURE_FEDERATED_TOKEN_FILE. Two ways to run:

    a server    GET /claims        200 and the claims, 502 and the reason; the token may be cached
                GET /claims?fresh  the token file is read anew, and Entra ID is asked anew
                GET /healthz       200
    --once      prints the claims and ends: 0, or 1 and the reason. For a Job or an init container

The answer has the claims of both tokens, never a token:

    {"access": {"aud": ..., "appid": ...}, "projected": {"iss": ..., "sub": ..., "exp": ...}}

They are read without a check of the signature: who takes a token must check it, who got it for
himself need not. SSL_CERT_FILE or REQUESTS_CA_BUNDLE names the CA of an authority of your own.
"""

import argparse
import base64
import http.server
import json
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Any, Final, NoReturn
from urllib.parse import urlsplit

from azure.core.exceptions import AzureError, ClientAuthenticationError
from azure.identity import WorkloadIdentityCredential

Claims = dict[str, Any]
_DESCRIPTION: Final = "Signs in as the pod's identity and tells the claims of its access token."
_REQUIRED: Final = ("AZURE_CLIENT_ID", "AZURE_TENANT_ID", "AZURE_FEDERATED_TOKEN_FILE")


class Identity:
    """The pod's identity, as azure-identity finds it in the environment."""

    def __init__(self, scope: str, *, own_authority: bool) -> None:
        self._scope = scope
        self._own_authority = own_authority
        self._credential = self._new()

    def claims(self, *, fresh: bool = False) -> dict[str, Claims]:
        """Sign in. Raises AzureError, OSError, ValueError; their texts hold no token."""
        if fresh:
            self._credential = self._new()
        token = self._credential.get_token(self._scope)
        projected = Path(os.environ["AZURE_FEDERATED_TOKEN_FILE"]).read_text(encoding="utf-8")
        return {"access": _claims(token.token), "projected": _claims(projected)}

    def _new(self) -> WorkloadIdentityCredential:
        return WorkloadIdentityCredential(disable_instance_discovery=self._own_authority)


def _claims(token: str) -> Claims:
    """Read the middle part of a JWT. Source: RFC 7519."""
    parts = token.strip().split(".")
    if len(parts) != 3:
        raise ValueError("the token is no JWT: expected three parts")
    decoded = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    if not isinstance(decoded, dict):
        raise TypeError("the token is no JWT: expected an object of claims")
    return decoded


def _told(identity: Identity, *, fresh: bool = False) -> tuple[int, dict[str, Any]]:
    """Return an HTTP status and what to say."""
    try:
        return 200, identity.claims(fresh=fresh)
    except (AzureError, OSError, TypeError, ValueError) as error:
        kind = "refused" if isinstance(error, ClientAuthenticationError) else "failed"
        return 502, {"error": kind, "type": type(error).__name__, "message": str(error)}


def _handler(identity: Identity) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        """Answers with JSON."""

        protocol_version = "HTTP/1.1"
        timeout = 30  # seconds; a caller that says nothing does not stay

        def do_GET(self) -> None:
            url = urlsplit(self.path)
            match url.path:
                case "/claims":
                    self._answer(*_told(identity, fresh=url.query == "fresh"))
                case "/healthz":
                    self._answer(200, {"status": "ok"})
                case _:
                    self._answer(404, {"error": "not found", "message": "try /claims"})

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name
            sys.stderr.write(f"{format % args}\n")

        def _answer(self, status: int, answer: dict[str, Any]) -> None:
            body = json.dumps(answer, sort_keys=True).encode() + b"\n"
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    return Handler


def main(arguments: Sequence[str]) -> int:
    """Run; return the exit code: 2 where the webhook has not been at work."""
    parser = argparse.ArgumentParser(
        prog="consumer", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--scope", default="https://vault.azure.net/.default", help="(%(default)s)")
    parser.add_argument("--port", type=int, default=8080, help="on all addresses (%(default)s)")
    parser.add_argument("--once", action="store_true", help="print the claims and end")
    parser.add_argument(
        "--own-authority",
        action="store_true",
        help="AZURE_AUTHORITY_HOST is an emulator or private cloud: don't ask Microsoft about it",
    )
    options = parser.parse_args(arguments)
    if missing := [name for name in _REQUIRED if not os.environ.get(name)]:
        names = ", ".join(missing)
        sys.stderr.write(f"consumer: no {names}: is the pod labelled, and the webhook installed?\n")
        return 2
    identity = Identity(options.scope, own_authority=options.own_authority)
    if options.once:
        status, answer = _told(identity)
        print(json.dumps(answer, sort_keys=True))  # noqa: T201 - that is what it is for
        return 0 if status == 200 else 1
    _serve(identity, options.port)
    return 0


def _serve(identity: Identity, port: int) -> None:
    signal.signal(signal.SIGTERM, _end)
    with http.server.ThreadingHTTPServer(("", port), _handler(identity)) as server:
        server.daemon_threads = True
        sys.stderr.write(f"consumer: serving on port {server.server_port}\n")
        server.serve_forever()


def _end(_: int, __: FrameType | None) -> NoReturn:
    raise SystemExit(0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
