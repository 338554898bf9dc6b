"""SubjectAccessReviews: what is sent, and what an answer means. Pure.

Source: https://kubernetes.io/docs/reference/kubernetes-api/authorization-resources/
subject-access-review-v1/
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from controller.grants.model import Question
from controller.names import GROUP

RESOURCE: Final = "identities"
"""There are no such objects: the name is for rules of RBAC only."""
_LONGEST: Final = 300


@dataclass(frozen=True, slots=True)
class Answer:
    """What one review said."""

    allowed: bool | None
    """None: it could not be decided."""
    error: str = ""


def review_of(question: Question) -> dict[str, Any]:
    """Return the review to be created.

    Without a namespace: only ClusterRoleBindings count, which a namespace's admin can't make.
    """
    spec: dict[str, Any] = {
        "groups": list(question.groups),
        "resourceAttributes": {
            "group": GROUP,
            "resource": RESOURCE,
            "verb": question.verb.value,
            "name": question.client_id,
        },
    }
    if question.user:
        spec["user"] = question.user
    return {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": spec,
    }


def answer_in(review: Mapping[str, Any]) -> Answer:
    """Read an answered review; whatever is no clear yes or no is undecided.

    A refusal that comes with an `evaluationError` is none: one of several authorizers failed, a
    webhook that was away say, and may have allowed it. `reason` is no error: RBAC tells there of
    bindings whose role is gone, and a role that was taken away is a grant that was.
    """
    status = review.get("status")
    allowed = status.get("allowed") if isinstance(status, Mapping) else None
    if not isinstance(status, Mapping) or not isinstance(allowed, bool):
        return Answer(None, "the API server's answer says neither yes nor no")
    trouble = status.get("evaluationError")
    if not allowed and trouble:
        return Answer(None, f"an authorizer of the API server failed: {_one_line(trouble)}")
    return Answer(allowed)


def _one_line(value: object) -> str:
    line = " ".join(str(value).split())
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "~"
