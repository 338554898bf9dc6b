"""An API server that answers SubjectAccessReviews as told, and fails on demand."""

import asyncio
from typing import Any

from controller.grants import Grants, Question, Verb
from controller.kube.errors import KubeError
from tests.fakes.virtual_time import virtual_pace

ID = "3f0c1a52-8d7e-4b6a-9c21-5e4d3c2b1a09"
OTHER = "3f0c1a52-8d7e-4b6a-9c21-5e4d3c2b1a10"
PAYMENTS = Question("shop", "payments", Verb.FEDERATE, ID)


class Reviews:
    """Stateful: who is granted what; every review that was asked; how long answers take."""

    def __init__(self) -> None:
        self.granted: set[tuple[str, str, str]] = set()
        """User (or group, where there is no user), verb, client id."""
        self.asked: list[dict[str, Any]] = []
        self.error: KubeError | None = None
        self.status: dict[str, Any] = {}
        """Laid over what is answered."""
        self.takes = 0.0
        """Seconds from question to answer; decided when asked."""

    def grant(self, question: Question) -> None:
        self.granted.add(_key(question.user or question.groups[0], question))

    def withdraw(self, question: Question) -> None:
        self.granted.discard(_key(question.user or question.groups[0], question))

    async def create(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        assert path == "/apis/authorization.k8s.io/v1/subjectaccessreviews"
        self.asked.append(body)
        spec = body["spec"]
        wanted = spec["resourceAttributes"]
        who = spec.get("user") or spec["groups"][0]
        allowed = (who, wanted["verb"], wanted["name"]) in self.granted
        error, status = self.error, {"allowed": allowed, **self.status}
        await asyncio.sleep(self.takes)
        if error is not None:
            raise error
        return {**body, "status": status}


def _key(who: str, question: Question) -> tuple[str, str, str]:
    return who, question.verb.value, question.client_id


def grants_of(reviews: Reviews) -> Grants:
    return Grants(reviews, pace=virtual_pace())
