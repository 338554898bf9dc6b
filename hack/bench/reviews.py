"""The requests that the driver sends: reviews as a real API server sends them.

review.json was captured from kube-apiserver 1.36 with its default plugins: a pod of three
containers as a ReplicaSet makes it, defaulted, with its token volume and managedFields, 6.3 KiB.
"""

import copy
import json
import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final, NamedTuple

PATH: Final = "/mutate-v1-pod?timeout=10s"
_CAPTURED: Final = Path(__file__).with_name("review.json")


class AccountName(NamedTuple):
    """A ServiceAccount."""

    namespace: str
    name: str


def captured() -> dict[str, Any]:
    """Read the review as it was captured."""
    found: dict[str, Any] = json.loads(_CAPTURED.read_text())
    return found


def review_for(account: AccountName, template: dict[str, Any], uid: str) -> bytes:
    """Return a review of a pod with that ServiceAccount."""
    review = copy.deepcopy(template)
    request = review["request"]
    request["uid"] = uid
    request["namespace"] = account.namespace
    request["object"]["metadata"]["namespace"] = account.namespace
    request["object"]["spec"]["serviceAccountName"] = account.name
    request["object"]["spec"]["serviceAccount"] = account.name
    return json.dumps(review, separators=(",", ":")).encode()


def pod_bytes(template: dict[str, Any]) -> int:
    """Return the size of the review's pod."""
    return len(json.dumps(template["request"]["object"], separators=(",", ":")))


def request_for(body: bytes, host: str) -> bytes:
    """Return the whole request, with the header that the API server sends."""
    head = (
        f"POST {PATH} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: kube-apiserver-admission\r\n"
        f"Content-Length: {len(body)}\r\nAccept: application/json, */*\r\n"
        "Content-Type: application/json\r\nAccept-Encoding: gzip\r\n\r\n"
    )
    return head.encode() + body


def bodies_for(accounts: Iterable[AccountName]) -> list[bytes]:
    """Return one review for each account."""
    template = captured()
    return [review_for(account, template, str(uuid.uuid4())) for account in accounts]
