"""What the tests of each way to sign in share."""

from collections.abc import Callable
from pathlib import Path

import jwt

from entra.sign_in import Application, SignIn, SignInSettings
from entra.tokens import AccessToken
from tests.fakes.entra_tokens import AUTHORITY, CLIENT, TENANT

SCOPE = "https://graph.example/.default"
APPLICATION = Application(TENANT, CLIENT, AUTHORITY)

Start = Callable[[SignInSettings], SignIn]


def client_of(token: AccessToken) -> object:
    return claim(token, "appid")


def claim(token: AccessToken, name: str) -> object:
    return jwt.decode(token.value, options={"verify_signature": False})[name]


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def remove(path: Path) -> None:
    path.unlink()
