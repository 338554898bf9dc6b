"""What an admin would have to grant, in words and as a manifest. Pure."""

import json
from typing import Final

from controller.grants.model import Question
from controller.grants.review import RESOURCE
from controller.names import GROUP

_RBAC: Final = "rbac.authorization.k8s.io"


def rule_for(question: Question) -> str:
    """Return one line: who lacks what, and the rule and the binding that an admin has to make.

    `kubectl create clusterrole` can't make the rule: it looks for the resource, and there is none.
    """
    return (
        f"{_who(question)} may not {question.verb.value} the identity {question.client_id}; "
        f"an admin grants it by a ClusterRole with the rule {_rule(question)} "
        f"and a ClusterRoleBinding of that role to the subject {_subject(question)}; "
        f"a Role or a RoleBinding does not count"
    )


def manifest_for(question: Question) -> str:
    """Return the same as YAML for `kubectl apply -f -`: a ClusterRole and its binding."""
    name = json.dumps(_name(question))
    return (
        f"apiVersion: {_RBAC}/v1\n"
        "kind: ClusterRole\n"
        f"metadata: {{name: {name}}}\n"
        "rules:\n"
        f"- {_rule(question)}\n"
        "---\n"
        f"apiVersion: {_RBAC}/v1\n"
        "kind: ClusterRoleBinding\n"
        f"metadata: {{name: {name}}}\n"
        f"roleRef: {{apiGroup: {_RBAC}, kind: ClusterRole, name: {name}}}\n"
        "subjects:\n"
        f"- {_subject(question)}\n"
    )


def _who(question: Question) -> str:
    if question.account:
        return f"the ServiceAccount {question.account}"
    return f"the namespace {question.namespace}"


def _rule(question: Question) -> str:
    return json.dumps(
        {
            "apiGroups": [GROUP],
            "resources": [RESOURCE],
            "verbs": [question.verb.value],
            "resourceNames": [question.client_id],
        }
    )


def _subject(question: Question) -> str:
    if question.account:
        return json.dumps(
            {
                "kind": "ServiceAccount",
                "namespace": question.namespace,
                "name": question.account,
            }
        )
    group = question.groups[0]
    return json.dumps({"kind": "Group", "apiGroup": _RBAC, "name": group})


def _name(question: Question) -> str:
    """Return a name that no other question has: no part of it holds a colon."""
    parts = ("azwi", question.verb.value, question.namespace, question.account, question.client_id)
    return ":".join(filter(None, parts))
