"""What people are told to ask their admin for."""

import yaml

from controller.grants import Question, Verb, manifest_for, rule_for
from tests.controller.grants.reviews import ID, PAYMENTS

EXTERNAL = Question("shop", "", Verb.FEDERATE_EXTERNAL, ID)


def test_the_rule_is_one_line_that_names_rule_and_subject_exactly() -> None:
    assert rule_for(PAYMENTS) == (
        f"the ServiceAccount payments may not federate the identity {ID}; "
        "an admin grants it by a ClusterRole with the rule "
        '{"apiGroups": ["azure.workload.identity"], "resources": ["identities"], '
        f'"verbs": ["federate"], "resourceNames": ["{ID}"]}} '
        "and a ClusterRoleBinding of that role to the subject "
        '{"kind": "ServiceAccount", "namespace": "shop", "name": "payments"}; '
        "a Role or a RoleBinding does not count"
    )


def test_the_rule_for_a_namespace_names_its_group() -> None:
    assert (
        'to the subject {"kind": "Group", "apiGroup": "rbac.authorization.k8s.io", '
        '"name": "system:serviceaccounts:shop"}'
    ) in rule_for(EXTERNAL)


def test_the_longest_rule_fits_into_an_event() -> None:
    longest = Question("n" * 63, "a" * 253, Verb.FEDERATE, ID)
    assert len(rule_for(longest)) <= 1024


def test_the_manifest_is_a_role_and_its_binding() -> None:
    role, binding = yaml.safe_load_all(manifest_for(PAYMENTS))
    assert role["rules"] == [
        {
            "apiGroups": ["azure.workload.identity"],
            "resources": ["identities"],
            "verbs": ["federate"],
            "resourceNames": [ID],
        }
    ]
    assert binding["roleRef"]["name"] == role["metadata"]["name"]
    assert binding["subjects"] == [
        {"kind": "ServiceAccount", "namespace": "shop", "name": "payments"}
    ]


def test_no_two_questions_share_a_name() -> None:
    questions = [
        Question(namespace, account, verb, ID)
        for namespace in ("a", "a-b")
        for account in ("", "c", "b-c")
        for verb in Verb
    ]
    names = [next(yaml.safe_load_all(manifest_for(one)))["metadata"]["name"] for one in questions]
    assert len(set(names)) == len(questions)
