import json
from typing import Any

import pytest

from entra.exchange import Claims, claims_of
from tests.fakes.entra_tokens import CLIENT, TENANT, unsigned

MANAGED = (
    "/subscriptions/s/resourcegroups/g/providers/Microsoft.ManagedIdentity"
    "/userAssignedIdentities/app"
)


def test_the_claims_of_a_token_of_version_1() -> None:
    token = unsigned(
        {
            "aud": "https://vault.azure.net",
            "iss": f"https://sts.windows.net/{TENANT}/",
            "tid": TENANT,
            "appid": CLIENT,
            "oid": "object",
            "roles": ["Reader", "Writer"],
            "idtyp": "app",
            "xms_mirid": MANAGED,
            "exp": 1_800_000_000,
            "uti": "of no interest",
        }
    )

    assert claims_of(token) == Claims(
        aud="https://vault.azure.net",
        iss=f"https://sts.windows.net/{TENANT}/",
        tid=TENANT,
        client_id=CLIENT,
        oid="object",
        roles=("Reader", "Writer"),
        idtyp="app",
        xms_mirid=MANAGED,
        exp=1_800_000_000,
    )


def test_the_client_id_of_a_token_of_version_2() -> None:
    assert claims_of(unsigned({"azp": CLIENT})) == Claims(client_id=CLIENT)


@pytest.mark.parametrize(
    "token",
    [
        "",
        "opaque",
        "a.b",
        "a.b.c",
        unsigned({"oid": "x"}) + ".d.e",  # as many parts as an encrypted one
        unsigned({"oid": "x"}).rpartition(".")[0],
        "eyJhbGciOiJSUzI1NiJ9.!!!.c2ln",
        "eyJhbGciOiJSUzI1NiJ9.bm8ganNvbg.c2ln",
        "eyJhbGciOiJSUzI1NiJ9.WzFd.c2ln",
        "eyJhbGciOiJSUzI1NiJ9._____w.c2ln",
        "eyJhbGciOiJSUzI1NiJ9.\u00e4\u00f6.c2ln",
        unsigned({}).replace("e30", "W1t" * 40_000),
    ],
)
def test_a_token_that_cannot_be_read_has_no_claims(token: str) -> None:
    assert claims_of(token) is None


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": ["a", "b"], "roles": "Reader", "exp": "soon", "tid": None},
        {"roles": {"a": 1}, "exp": 1.5, "appid": 7, "azp": ["x"]},
        {"roles": [1, None], "exp": True, "iss": {}},
        {},
    ],
)
def test_claims_of_an_unexpected_kind_are_passed_over(claims: dict[str, Any]) -> None:
    assert claims_of(unsigned(claims)) == Claims()


def test_what_stands_in_a_claim_is_fit_for_a_status() -> None:
    claims = claims_of(unsigned({"oid": "two\nlines \x1b[1m", "roles": ["r" * 5000]}))

    assert claims is not None
    assert claims.oid == "two lines ?[1m"
    assert len(claims.roles[0]) == 600
    json.dumps(claims.roles)
