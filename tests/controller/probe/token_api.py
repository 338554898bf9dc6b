"""An API server that gives tokens of ServiceAccounts, and fails on demand."""

import re
from collections.abc import Callable
from typing import Any

from controller.kube.errors import KubeError, NotFound
from tests.fakes.entra_tokens import account_token

_PATH = re.compile(r"/api/v1/namespaces/([^/]+)/serviceaccounts/([^/]+)/token")


class FakeTokenApi:
    """Stateful: which ServiceAccounts are there, what was asked, and every token that was given."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.clock = clock
        self.accounts = {("team", "app")}
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.tokens: list[str] = []
        self.errors: list[KubeError] = []
        """Of the next requests."""
        self.answers: list[dict[str, Any]] = []
        """Given to the next requests in place of a token."""

    async def create(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        self.asked.append((path, body))
        if self.errors:
            raise self.errors.pop(0)
        if self.answers:
            return self.answers.pop(0)
        match = _PATH.fullmatch(path)
        assert match, path
        if match.groups() not in self.accounts:
            raise NotFound(f'POST {path}: status 404 NotFound: serviceaccounts "{match[2]}" ...')
        (audience,) = body["spec"]["audiences"]
        token = account_token(
            self.clock,
            seconds=body["spec"]["expirationSeconds"],
            sub=f"system:serviceaccount:{match[1]}:{match[2]}",
            aud=audience,
            jti=str(len(self.tokens)),
        )
        self.tokens.append(token)
        return {**body, "status": {"token": token, "expirationTimestamp": "2030-01-01T00:00:00Z"}}
