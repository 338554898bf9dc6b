"""schemathesis, as anybody runs it, against the emulator's own description of itself."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from hack.emulator import Emulator, running

TENANT: Final = "5f1c9d1e-9f3b-4a53-8d0c-2f6d0c1b7a42"
SUBSCRIPTION: Final = "7d2f4a5e-3c1b-4f0e-9a67-5b8c2d1e0f34"
CLIENT: Final = "3f0c1a52-8d7e-4b6a-9c21-5e4d3c2b1a09"
OBJECT: Final = "1b0e6a6e-4c56-4f8e-8a44-0d3c8e3c7a10"
SECRET: Final = "known-to-this-test-only"
SEED: Final = 20261125
EXAMPLES: Final = 12
"""Of each operation in each phase: some 4,000 requests in all."""

CHECKS: Final = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "missing_required_header",
    "unsupported_method",
    "ignored_auth",
)
"""All but `positive_data_acceptance`: that a tenant exists, that a name is free and that an issuer
and a subject are unique is nothing that a schema can say."""

CREDENTIAL: Final = {
    "name": "payments",
    "issuer": "https://issuer.example",
    "subject": "system:serviceaccount:payments:payments",
}


@pytest.fixture
def emulator(tmp_path: Path) -> Iterator[Emulator]:
    identity = (
        f"/subscriptions/{SUBSCRIPTION}/resourceGroups/payments/providers"
        "/Microsoft.ManagedIdentity/userAssignedIdentities/payments"
    )
    seed = {
        "tenants": [{"id": TENANT}],
        "applications": [
            {
                "appId": CLIENT,
                "objectId": OBJECT,
                "displayName": "payments",
                "tenant": TENANT,
                "secret": SECRET,
                "permissions": ["Application.ReadWrite.All"],
                "federatedIdentityCredentials": [CREDENTIAL],
            }
        ],
        "managedIdentities": [
            {
                "resourceId": identity,
                "clientId": "8a1f6d3e-7b2c-4d5e-9f01-2a3b4c5d6e7f",
                "tenant": TENANT,
                "federatedIdentityCredentials": [CREDENTIAL],
            }
        ],
    }
    with running(Emulator(tmp_path, seed)) as found:
        yield found


def access_token(emulator: Emulator) -> str:
    form = {
        "grant_type": "client_credentials",
        "client_id": CLIENT,
        "client_secret": SECRET,
        "scope": f"{emulator.addresses.authority}/.default",
    }
    with emulator.client() as http:
        answer = http.post(f"/{TENANT}/oauth2/v2.0/token", data=form)
        return str(answer.raise_for_status().json()["access_token"])


def settings() -> str:
    """Names that are there, so that not every answer is a 404; the rest is for the tool to find."""
    enabled = "\n".join(f"{check}.enabled = true" for check in CHECKS)
    return f"""
[parameters]
"path.tenant" = "{TENANT}"
"path.subscription" = "{SUBSCRIPTION}"
"path.group" = "payments"
"path.identity" = "payments"

[checks]
enabled = false
{enabled}
"""


def test_schemathesis_finds_nothing(emulator: Emulator, tmp_path: Path) -> None:
    config = tmp_path / "schemathesis.toml"
    config.write_text(settings())
    kept = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "LANG"}}
    done = subprocess.run(
        [
            *(str(Path(sys.executable).with_name("st")), "--config-file", str(config)),
            *("run", f"{emulator.addresses.admin}/openapi.json"),
            *("--tls-verify", str(emulator.addresses.ca)),
            *("--header", f"Authorization: Bearer {access_token(emulator)}"),
            *("--phases", "coverage,fuzzing", "--max-examples", str(EXAMPLES)),
            # They switch faults on for all the others; tests/emulator/admin asks them.
            *("--exclude-path-regex", "^/_admin/(faults|failures|seed|reset|issuers)$"),
            *("--seed", str(SEED), "--continue-on-failure"),
        ],
        env=kept,
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=600,
        check=False,
    )
    found = f"{done.stdout[-20_000:]}\nseed {SEED}"
    assert done.returncode == 0, found
    assert re.search(r"\b[1-9][0-9]* passed\b", done.stdout), found
    assert "unexpected error" not in emulator.log()
