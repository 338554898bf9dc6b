"""Reading objects: what they ask for, all that is wrong with them, and what nobody gets by them."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.model import ClusterIdentity, DeletionPolicy, Key, Wish
from controller.names import FINALIZER
from controller.wishes import is_this_clusters, wish_from
from identity.credential_names import cluster_tag

ISSUER = "https://issuer.example/Cluster/"
EARLIER = "https://issuer.example/earlier"
CLUSTER = ClusterIdentity(ISSUER, cluster_tag(ISSUER), predecessors=(EARLIER,))
CLIENT_ID = "0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9"
AUDIENCE = "api://AzureADTokenExchange"
FOREIGN = "https://token.actions.githubusercontent.com"
SUBJECT = "system:serviceaccount:shop:app"
RESOURCE_ID = (
    "/subscriptions/11111111-2222-3333-4444-555555555555/resourceGroups/Shop"
    "/providers/Microsoft.ManagedIdentity/userAssignedIdentities/App-1"
)


def body(spec: Any, **metadata: Any) -> dict[str, Any]:
    return {
        "metadata": {
            "namespace": "shop",
            "name": "app-object",
            "uid": "u-1",
            "creationTimestamp": "2026-01-01T00:00:00Z",
            "generation": 3,
            **metadata,
        },
        "spec": spec,
    }


def spec(**changes: Any) -> dict[str, Any]:
    """Return a good spec with changes; None takes a field away."""
    whole = {
        "serviceAccountName": "app",
        "audiences": [AUDIENCE],
        "identity": {"clientId": CLIENT_ID},
        **changes,
    }
    return {name: value for name, value in whole.items() if value is not None}


def foreign(**changes: Any) -> dict[str, Any]:
    return spec(
        **{"serviceAccountName": None, "issuer": FOREIGN, "subject": "repo:acme/shop", **changes}
    )


def read(asked: Any, **metadata: Any) -> Wish:
    return wish_from(body(asked, **metadata), CLUSTER)


def faults(asked: Any) -> str:
    return "; ".join(map(str, read(asked).faults))


# What is right.


def test_an_object_of_a_service_account_is_read_whole() -> None:
    assert read(spec()) == Wish(
        key=Key("shop", "app-object"),
        uid="u-1",
        created="2026-01-01T00:00:00Z",
        generation=3,
        issuer=ISSUER,
        subject=SUBJECT,
        audience=AUDIENCE,
        account="app",
        client_id=CLIENT_ID,
    )


def test_an_object_of_another_issuer_is_read_whole() -> None:
    asked = foreign(
        audiences=["api://other"], deletionPolicy="Retain", identity={"resourceId": RESOURCE_ID}
    )

    one = read(asked, finalizers=["somebody/else", FINALIZER], deletionTimestamp="2026-01-02")

    assert one == Wish(
        key=Key("shop", "app-object"),
        uid="u-1",
        created="2026-01-01T00:00:00Z",
        generation=3,
        issuer=FOREIGN,
        subject="repo:acme/shop",
        audience="api://other",
        resource_id=RESOURCE_ID,
        policy=DeletionPolicy.RETAIN,
        deleting=True,
        finalized=True,
    )
    assert one.foreign


def test_without_an_audience_it_is_the_usual_one() -> None:
    assert read(spec(audiences=None)).audience == AUDIENCE


def test_a_client_id_is_lowered_since_grants_know_one_spelling_only() -> None:
    one = read(spec(identity={"clientId": CLIENT_ID.upper(), "tenantId": "Contoso.Example"}))

    assert (one.client_id, one.tenant_id, one.faults) == (CLIENT_ID, "contoso.example", ())


def test_a_foreign_issuer_and_subject_stay_as_written() -> None:
    """Entra compares exactly, so what is wished for is what is written."""
    one = read(foreign(issuer="https://Spire.Example/", subject="spiffe://X/ns/a/sa/B"))

    assert one.pair == ("https://Spire.Example/", "spiffe://X/ns/a/sa/B")
    assert one.faults == ()


def test_a_deletion_policy_that_is_not_written_is_none() -> None:
    assert read(spec()).policy is None
    assert read(spec(deletionPolicy="Delete")).policy is DeletionPolicy.DELETE


def test_a_finalizer_of_somebody_else_is_none_of_ours() -> None:
    assert not read(spec(), finalizers=["somebody/else"]).finalized
    assert not read(spec(), finalizers=None).finalized


def test_the_service_account_that_it_was_made_for_is_the_one_that_controls_it() -> None:
    owner = {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "name": "app",
        "uid": "sa-1",
        "controller": True,
    }
    others = [
        {**owner, "kind": "ConfigMap"},
        {**owner, "apiVersion": "example.com/v1"},
        {**owner, "controller": False},
        {name: value for name, value in owner.items() if name != "controller"},
    ]

    made = read(spec(), ownerReferences=[*others, owner])

    assert (made.made_for, made.owner) == ("app", "sa-1")
    assert read(spec(), ownerReferences=others).made_for == ""


# This cluster's issuer, and who may be a subject of it.


@pytest.mark.parametrize(
    "issuer",
    [
        ISSUER,
        ISSUER.rstrip("/"),
        ISSUER.lower(),
        ISSUER.upper(),
        f" {ISSUER}",
        ISSUER.replace(".example/", ".example:443/"),
        EARLIER,
        EARLIER + "/",
        EARLIER.upper(),
    ],
)
def test_this_clusters_issuer_in_any_spelling_is_this_clusters(issuer: str) -> None:
    """It is bound to the grant of a ServiceAccount, and written as it stands in tokens."""
    assert is_this_clusters(issuer, CLUSTER)
    by_subject = read(spec(serviceAccountName=None, subject=SUBJECT, issuer=issuer))
    by_account = read(spec(issuer=issuer))

    assert by_subject == by_account == read(spec())


@pytest.mark.parametrize(
    "subject",
    [
        "system:serviceaccount:bank:app",
        "system:serviceaccount:shop-2:app",
        "system:serviceaccount::app",
        "system:serviceaccount:shop:",
        "system:serviceaccount:shop:app:extra",
        "system:serviceaccount:shop:app:system:serviceaccount:bank:app",
        "system:serviceaccount:Shop:app",
        "system:serviceaccount:shop:App",
        "SYSTEM:SERVICEACCOUNT:shop:app",
        " system:serviceaccount:shop:app",
        "system:serviceaccount:shop:app ",
        "system:serviceaccount:shop:app\n",
        "system:serviceaccount:shop :app",
        "system:serviceaccount:shop: app",
        "system:serviceaccount:shop:../bank",
        "system:serviceaccount:shop:*",
        "system:serviceaccount:shop:a%3ab",
        "system:serviceaccount:shop:app\N{ZERO WIDTH SPACE}",
        "system:serviceaccount:shop\N{FULLWIDTH COLON}app",
        "system:serviceaccounts:shop",
        "system:node:node-1",
        "app",
        "*",
    ],
    ids=ascii,
)
@pytest.mark.parametrize("issuer", [None, ISSUER, ISSUER.upper(), EARLIER])
def test_a_subject_of_this_cluster_is_a_service_account_of_its_own_namespace_or_refused(
    subject: str, issuer: str | None
) -> None:
    one = read(spec(serviceAccountName=None, subject=subject, issuer=issuer))

    assert [fault.where for fault in one.faults] == ["spec.subject"]
    assert one.pair == (ISSUER, "system:serviceaccount:shop:")


@pytest.mark.parametrize(
    "account", ["a:b", "App", "a b", "app/", "", ".", "a..b", "-a", "x" * 254, "app\n", "*", "ä"]
)
def test_the_name_of_a_service_account_is_one_that_there_can_be(account: str) -> None:
    one = read(spec(serviceAccountName=account))

    assert one.faults
    assert one.subject == "system:serviceaccount:shop:"


@pytest.mark.parametrize("account", ["a", "app", "my.app", "a-b.c-d", "x" * 253, "0"])
def test_all_names_of_service_accounts_are_taken(account: str) -> None:
    assert read(spec(serviceAccountName=account)).faults == ()
    subject = f"system:serviceaccount:shop:{account}"
    assert read(spec(serviceAccountName=None, subject=subject)).account == account


SPELLINGS = st.one_of(
    st.text(max_size=40),
    st.builds(
        lambda head, issuer, tail: head + issuer + tail,
        st.sampled_from(["", " ", "\n", "http:", "//", "\N{ZERO WIDTH SPACE}", "x"]),
        st.sampled_from(
            [
                ISSUER,
                ISSUER.lower(),
                ISSUER.rstrip("/"),
                EARLIER,
                FOREIGN,
                ISSUER.replace("issuer", "u@issuer"),
                ISSUER.replace(".example", ".example:443"),
                ISSUER.replace("/C", "/%43"),
            ]
        ),
        st.sampled_from(["", "/", " ", "\t", "?", "#", "/x", "/..", ".", "\0"]),
    ),
)
SUBJECTS = st.one_of(
    st.text(max_size=40),
    st.builds(
        ":".join,
        st.lists(
            st.sampled_from(["system", "serviceaccount", "shop", "bank", "app", "", "*", "shop "]),
            max_size=7,
        ),
    ),
)


@settings(deadline=None, print_blob=True, max_examples=500)
@given(
    st.fixed_dictionaries(
        {"identity": st.just({"clientId": CLIENT_ID})},
        optional={"issuer": SPELLINGS, "subject": SUBJECTS, "serviceAccountName": SUBJECTS},
    )
)
def test_nobody_gets_a_subject_of_this_cluster_past_the_grant(asked: dict[str, Any]) -> None:
    """What is taken for foreign is certainly not this cluster's, as Entra matches, and else.

    Even of an object with faults: a rule that forgot to look at them would be no way either.
    """
    one = read(asked)

    if one.issuer == ISSUER:
        assert one.subject == f"system:serviceaccount:shop:{one.account}"
        assert one.account or one.faults
    else:
        assert not is_this_clusters(one.issuer, CLUSTER)
        assert one.issuer.rstrip("/").lower() != ISSUER.rstrip("/").lower()
        assert one.foreign
    assert ":" not in one.account


# What is wrong.


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"issuer": "http://elsewhere.example"}, "spec.issuer"),
        ({"issuer": "elsewhere.example"}, "spec.issuer"),
        ({"issuer": "https://u:p@elsewhere.example"}, "spec.issuer"),
        ({"issuer": "https://[elsewhere"}, "spec.issuer"),
        ({"issuer": "https://elsewhere.example/" + "x" * 600}, "spec.issuer"),
        ({"issuer": " https://elsewhere.example"}, "spec.issuer"),
        ({"subject": "x" * 601}, "spec.subject"),
        ({"subject": " x"}, "spec.subject"),
        ({"subject": "x\n"}, "spec.subject"),
        ({"subject": "x\0y"}, "spec.subject"),
        ({"audiences": []}, "spec.audiences"),
        ({"audiences": ["a", "b"]}, "spec.audiences"),
        ({"audiences": [""]}, "spec.audiences"),
        ({"audiences": [7]}, "spec.audiences"),
        ({"audiences": "a"}, "spec.audiences"),
        ({"audiences": ["x" * 601]}, "spec.audiences"),
        ({"deletionPolicy": "delete"}, "spec.deletionPolicy"),
        ({"identity": {}}, "spec.identity"),
        ({"identity": None}, "spec.identity"),
        ({"identity": "x"}, "spec.identity"),
        ({"identity": {"clientId": CLIENT_ID, "resourceId": RESOURCE_ID}}, "spec.identity"),
        ({"identity": {"clientId": "app"}}, "spec.identity.clientId"),
        ({"identity": {"clientId": f" {CLIENT_ID}"}}, "spec.identity.clientId"),
        ({"identity": {"clientId": f"{CLIENT_ID}\n"}}, "spec.identity.clientId"),
        ({"identity": {"clientId": "{" + CLIENT_ID + "}"}}, "spec.identity.clientId"),
        ({"identity": {"clientId": CLIENT_ID.replace("0", "\uff10")}}, "spec.identity.clientId"),
        ({"identity": {"resourceId": "/subscriptions/x"}}, "spec.identity.resourceId"),
        (
            {"identity": {"resourceId": RESOURCE_ID.replace("/sub", "/\u017fub")}},
            "spec.identity.resourceId",
        ),
        ({"identity": {"resourceId": RESOURCE_ID + "/../x"}}, "spec.identity.resourceId"),
    ],
    ids=ascii,
)
def test_a_fault_is_said_with_its_place(changes: dict[str, Any], where: str) -> None:
    one = read(foreign(**changes))

    assert [fault.where for fault in one.faults] == [where]


def test_a_tenant_that_can_be_none_is_a_fault() -> None:
    identity = {"clientId": CLIENT_ID, "tenantId": "no tenant"}

    assert [fault.where for fault in read(spec(identity=identity)).faults] == [
        "spec.identity.tenantId"
    ]


def test_an_identity_with_a_fault_names_none() -> None:
    """An object that is nonsense is asked about at no identity."""
    one = read(spec(identity={"clientId": "nonsense"}))

    assert (one.client_id, one.resource_id) == ("", "")


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        (spec(serviceAccountName=None), "none"),
        (spec(subject=SUBJECT), "both"),
        (spec(issuer=FOREIGN, subject="x"), "both"),
    ],
)
def test_exactly_one_of_account_and_subject_is_expected(asked: Any, found: str) -> None:
    assert f"exactly one of serviceAccountName and subject is expected, found {found}" in faults(
        asked
    )


def test_a_service_account_beside_another_issuer_is_a_fault() -> None:
    assert "spec.serviceAccountName" in faults(spec(issuer=FOREIGN))


def test_all_faults_are_told_at_once() -> None:
    told = faults(
        {
            "issuer": "http://x",
            "subject": "",
            "audiences": [],
            "deletionPolicy": "Keep",
            "identity": {"clientId": "x", "resourceId": "y", "tenantId": "?"},
        }
    )

    for where in (
        "spec:",
        "spec.issuer:",
        "spec.subject:",
        "spec.audiences:",
        "spec.deletionPolicy:",
        "spec.identity:",
        "spec.identity.clientId:",
        "spec.identity.resourceId:",
        "spec.identity.tenantId:",
    ):
        assert where in told


FIELDS = [*spec(), "subject", "issuer", "deletionPolicy"]
JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
)


@settings(deadline=None, print_blob=True)
@given(
    st.one_of(
        JUNK,
        st.dictionaries(
            st.sampled_from(FIELDS),
            JUNK,
        ),
    )
)
def test_no_spec_breaks_the_reading(asked: Any) -> None:
    """Objects may be older than the schema."""
    assert read(asked).faults
