"""A pod's token for an access token: asked for by an SDK, in a process with the pod's variables."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import jwt

from hack.demo import workload
from hack.demo.errors import DemoFailed
from hack.demo.pods import containers
from hack.emulator import Emulator
from hack.webhook import TENANT_ID
from identity.names import AZURE_FEDERATED_TOKEN_FILE

Object = dict[str, Any]

RESOURCE = "https://vault.azure.net"
SCOPE = f"{RESOURCE}/.default"
TELLING = ("appid", "iss", "aud", "tid", "oid", "idtyp", "iat", "exp")
"""Claims that say whose token it is, for what and how long; the others are the service's own."""
_SECONDS = 60
_CODE = re.compile(r"AADSTS\d+")


class Refused(DemoFailed):
    """Entra ID gave no access token."""

    def __init__(self, code: str, words: str) -> None:
        self.code = code
        super().__init__(f"expected an access token, found {code or 'a failure'}: {words}")


def pod_variables(pod: Object) -> dict[str, str]:
    """List what the first container has of variables that Azure SDKs read."""
    variables = containers(pod)[-1].get("env", [])
    return {
        one["name"]: one["value"]
        for one in variables
        if one["name"].startswith("AZURE_") and "value" in one
    }


def exchange(pod: Object, token_file: Path, ca_file: Path) -> str:
    """Let the application ask for an access token as it would in the pod; return the token.

    Where a kubelet would have put the pod's token there is none here, so its variable names our
    file. Raises Refused.
    """
    found = subprocess.run(
        [sys.executable, workload.__file__, SCOPE],
        env={
            "PATH": os.environ.get("PATH", os.defpath),
            **pod_variables(pod),
            AZURE_FEDERATED_TOKEN_FILE: str(token_file),
            "REQUESTS_CA_BUNDLE": str(ca_file),
        },
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )
    if found.returncode:
        code = _CODE.search(found.stderr)
        last = (found.stderr.strip().splitlines() or ["nothing was said"])[-1]
        raise Refused(code[0] if code else "", last[:500])
    return found.stdout


def access_claims(emulator: Emulator, token: str) -> Object:
    """Check an access token as the resource does, by the tenant's keys; return its claims."""
    with emulator.client() as client:
        published = client.get(f"/{TENANT_ID}/discovery/v2.0/keys").raise_for_status().json()
    keys = jwt.PyJWKSet.from_dict(published)
    try:
        key = keys[jwt.get_unverified_header(token)["kid"]]
        claims: Object = jwt.decode(token, key, algorithms=["RS256"], audience=RESOURCE)
    except (jwt.PyJWTError, KeyError) as error:
        raise DemoFailed(
            f"expected a token for {RESOURCE}, signed by a key of the tenant; found: {error}"
        ) from error
    return claims
