"""What is asked of the API server, and what its answers mean."""

from typing import Any

import pytest

from controller.grants import Question, Verb
from controller.grants.review import Answer, answer_in, review_of
from tests.controller.grants.reviews import ID, PAYMENTS


def test_a_service_account_is_asked_for_with_all_its_groups_and_no_namespace() -> None:
    assert review_of(PAYMENTS) == {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {
            "user": "system:serviceaccount:shop:payments",
            "groups": [
                "system:serviceaccounts",
                "system:serviceaccounts:shop",
                "system:authenticated",
            ],
            "resourceAttributes": {
                "group": "azure.workload.identity",
                "resource": "identities",
                "verb": "federate",
                "name": ID,
            },
        },
    }


def test_a_namespace_is_asked_for_as_its_group_only() -> None:
    spec = review_of(Question("shop", "", Verb.FEDERATE_EXTERNAL, ID))["spec"]
    assert spec["groups"] == ["system:serviceaccounts:shop"]
    assert "user" not in spec
    assert spec["resourceAttributes"]["verb"] == "federate-external"


@pytest.mark.parametrize(
    ("status", "means"),
    [
        ({"allowed": True}, True),
        ({"allowed": False}, False),
        ({"allowed": False, "reason": 'RBAC: clusterrole "x" not found'}, False),
        ({"allowed": False, "denied": True}, False),
        ({"allowed": True, "evaluationError": "another one failed"}, True),
        ({"allowed": False, "evaluationError": "away"}, None),
        ({"allowed": False, "denied": True, "evaluationError": "away"}, None),
        ({"allowed": "true"}, None),
        ({"denied": True}, None),
        ({}, None),
        (None, None),
        ([], None),
    ],
)
def test_only_a_clear_yes_or_no_is_an_answer(status: Any, means: bool | None) -> None:
    found = answer_in({"status": status})
    assert found.allowed is means
    assert (found.error == "") is (means is not None)


def test_an_answer_without_a_status_is_none() -> None:
    assert answer_in({}) == Answer(None, "the API server's answer says neither yes nor no")


@pytest.mark.parametrize("client_id", ["", "*", ID.upper(), f"{ID}\n", "3f0c1a52"])
def test_a_question_is_about_one_identity_in_its_one_spelling(client_id: str) -> None:
    with pytest.raises(ValueError, match="client id in lower case"):
        Question("shop", "payments", Verb.FEDERATE, client_id)


def test_a_question_is_about_a_namespace() -> None:
    with pytest.raises(ValueError, match="namespace"):
        Question("", "payments", Verb.FEDERATE, ID)
