"""An emulator in this process, with its admin API and an identity that signs in."""

from dataclasses import dataclass
from typing import Any

import httpx

from emulator.world import World
from tests.emulator.conftest import Hands
from tests.emulator.seed.samples import APP, TENANT
from tests.fakes.issuer import FakeIssuer

SECRET = "s3cret~of-the.app"
BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
GRAPH = "https://graph.microsoft.com/.default"


@dataclass
class Stage:
    """The emulator and an HTTP client of it."""

    world: World
    http: httpx.AsyncClient
    hands: Hands
    issuer: FakeIssuer

    async def ask(self, method: str, path: str, body: Any = None, **options: Any) -> httpx.Response:
        """Ask the admin API."""
        if body is not None:
            options["json"] = body
        return await self.http.request(method, f"/_admin{path}", **options)

    async def done(self, method: str, path: str, body: Any = None) -> Any:
        """Ask the admin API for what it must not refuse."""
        answer = await self.ask(method, path, body)
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None

    async def exchange(self, client_id: str = APP, **claims: Any) -> int:
        """Exchange a token of the issuer; return 0, or the AADSTS code, or the HTTP status."""
        return await self._token(
            client_id,
            client_assertion_type=BEARER,
            client_assertion=self.issuer.token(**claims),
        )

    async def sign_in(self, client_id: str = APP, secret: str = SECRET) -> int:
        """Sign in by a secret; return as above."""
        return await self._token(client_id, client_secret=secret)

    async def access_token(self) -> str:
        """A token for Graph, of the application."""
        answer = await self.http.post(
            f"/{TENANT}/oauth2/v2.0/token", data=_form(APP, client_secret=SECRET)
        )
        return str(answer.raise_for_status().json()["access_token"])

    async def graph(self, method: str, path: str, body: Any = None, token: str = "") -> int:
        """Ask Graph; return the status."""
        headers = {"Authorization": f"Bearer {token or await self.access_token()}"}
        answer = await self.http.request(method, f"/v1.0{path}", json=body, headers=headers)
        return answer.status_code

    async def _token(self, client_id: str, **proof: str) -> int:
        answer = await self.http.post(
            f"/{TENANT}/oauth2/v2.0/token", data=_form(client_id, **proof)
        )
        if answer.is_success:
            return 0
        codes = answer.json()["error_codes"]
        return int(codes[0]) if codes else answer.status_code


def _form(client_id: str, **proof: str) -> dict[str, str]:
    form = {"grant_type": "client_credentials", "client_id": client_id, "scope": GRAPH}
    return form | proof
