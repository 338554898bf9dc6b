"""AdmissionReview: reading what the API server asks, writing what it is answered. Pure.

Both versions of the review (`v1`, `v1beta1`) have the same fields and are answered in kind. Source:
https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/

What is read here is the envelope and the name of the pod's ServiceAccount; the pod itself is the
mutation's to judge. A review that asks for something else than the creation of a pod (another
operation, another kind, a subresource) is allowed unchanged: volumes and variables of a pod can't
change once it is there, and a registration that selects too much must not block what it selects.
"""

import re
from binascii import b2a_base64
from typing import Any, Final, NamedTuple, TypeAlias

import orjson

from webhook.mutation.mutate import account_name
from webhook.mutation.outcome import Injected

V1: Final = "admission.k8s.io/v1"
VERSIONS: Final = frozenset({V1, "admission.k8s.io/v1beta1"})
KIND: Final = "AdmissionReview"

_LONGEST_UID = 128
_LONGEST_MESSAGE = 4096
_LONGEST_LABEL = 63
_LONGEST_NAME = 253
_LABEL = re.compile(r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?")
_SUBDOMAIN = re.compile(r"[a-z0-9](?:[-.a-z0-9]*[a-z0-9])?")


class Review(NamedTuple):
    """The creation of a pod."""

    api_version: str
    uid: str
    namespace: str
    account: str
    """Name of the pod's ServiceAccount."""
    pod: dict[str, Any]


class Unconcerned(NamedTuple):
    """A review of something that is not ours to change."""

    api_version: str
    uid: str


class Malformed(NamedTuple):
    """Something that is no review, or not of a pod that could be one."""

    message: str
    api_version: str = V1
    uid: str = ""
    """Empty: there is nobody to answer to, only an HTTP status can be given."""


Reading: TypeAlias = Review | Unconcerned | Malformed


def read_review(body: bytes | bytearray) -> Reading:
    """Read a request's body; whatever it holds, one of the three comes out."""
    try:
        review = orjson.loads(body)
    except (ValueError, RecursionError):
        return Malformed("the body is not JSON (RFC 8259, UTF-8)")
    fault = _fault_of(review)
    if fault is not None:
        return Malformed(fault)
    request = review["request"]
    api_version, uid = review["apiVersion"], request["uid"]
    concern = _concerns_us(request)
    if concern is True:
        return _read_pod(request, api_version, uid)
    if concern is False:
        return Unconcerned(api_version, uid)
    return Malformed(concern, api_version, uid)


def _fault_of(review: Any) -> str | None:
    """Say why something is no review that could be answered."""
    if type(review) is not dict:
        return "the body must be an AdmissionReview, a JSON object"
    api_version = review.get("apiVersion")
    if type(api_version) is not str or api_version not in VERSIONS:
        return f"apiVersion must be one of {', '.join(sorted(VERSIONS))}"
    if review.get("kind") != KIND:
        return f"kind must be {KIND}"
    request = review.get("request")
    if type(request) is not dict:
        return "request: must be an object"
    uid = request.get("uid")
    if type(uid) is not str or not 0 < len(uid) <= _LONGEST_UID:
        return f"request.uid: must be a string of 1 to {_LONGEST_UID} characters"
    return None


def _concerns_us(request: dict[str, Any]) -> bool | str:
    """Tell whether the request creates a pod; a string says what of it is malformed.

    What is absent is taken to be what the webhook is registered for, as the original does.
    """
    operation = request.get("operation")
    subresource = request.get("subResource")
    if not (operation is None or type(operation) is str):
        return "request.operation: must be a string"
    if not (subresource is None or type(subresource) is str):
        return "request.subResource: must be a string"
    ours = (not operation or operation == "CREATE") and not subresource
    for field, key, wanted in (("kind", "kind", "Pod"), ("resource", "resource", "pods")):
        named = request.get(field)
        if named is None:
            continue
        if type(named) is not dict:
            return f"request.{field}: must be an object"
        if named.get(key) != wanted or named.get("group"):
            ours = False
    return ours


def _read_pod(request: dict[str, Any], api_version: str, uid: str) -> Reading:
    pod = request.get("object")
    if type(pod) is not dict:
        return Malformed("request.object: must be an object, the pod", api_version, uid)
    if pod.get("kind", "Pod") != "Pod":
        # No kind was given beside it (else it would have been told apart by that).
        return Unconcerned(api_version, uid)
    namespace = request.get("namespace")
    if type(namespace) is not str or not namespace:
        return Malformed("request.namespace: must be the pod's namespace", api_version, uid)
    return Review(api_version, uid, namespace, account_name(pod), pod)


def could_exist(namespace: str, account: str) -> bool:
    """Tell whether a ServiceAccount can have that name: nothing else is put into a URL."""
    return (
        len(namespace) <= _LONGEST_LABEL
        and len(account) <= _LONGEST_NAME
        and _LABEL.fullmatch(namespace) is not None
        and _SUBDOMAIN.fullmatch(account) is not None
    )


def allow(api_version: str, uid: str) -> bytes:
    """Write the answer that lets an object in as it is."""
    return orjson.dumps(
        {"apiVersion": api_version, "kind": KIND, "response": {"uid": uid, "allowed": True}}
    )


def allow_injected(api_version: str, uid: str, injected: Injected) -> bytes:
    """Write the answer that lets a pod in with what it gets; no patch where nothing is to do."""
    response: dict[str, Any] = {"uid": uid, "allowed": True}
    if injected.operations:
        response["patchType"] = "JSONPatch"
        response["patch"] = b2a_base64(orjson.dumps(injected.operations), newline=False).decode()
    if injected.warnings:
        response["warnings"] = [warning.message for warning in injected.warnings]
    if injected.audit:
        response["auditAnnotations"] = injected.audit
    return orjson.dumps({"apiVersion": api_version, "kind": KIND, "response": response})


def refuse(api_version: str, uid: str, message: str) -> bytes:
    """Write the answer to a pod that can't be right: who made it has to change it."""
    return _deny(
        api_version, uid, {"code": 400, "reason": "BadRequest", "message": _clipped(message)}
    )


def fail(api_version: str, uid: str, message: str, retry_after: int | None = None) -> bytes:
    """Write the answer to a pod that may be right: the fault is on this side.

    With `retry_after` (seconds) the API server passes a Retry-After header on, which client-go
    heeds by itself.
    """
    status: dict[str, Any] = {"code": 500, "reason": "InternalError", "message": _clipped(message)}
    if retry_after is not None:
        status["details"] = {"retryAfterSeconds": retry_after}
    return _deny(api_version, uid, status)


def status(code: int, reason: str, message: str) -> bytes:
    """Write the body of an HTTP error, in the form whose message the API server passes on."""
    return orjson.dumps(
        {
            "apiVersion": "v1",
            "kind": "Status",
            "status": "Failure",
            "code": code,
            "reason": reason,
            "message": message,
        }
    )


def _deny(api_version: str, uid: str, status: dict[str, Any]) -> bytes:
    response = {"uid": uid, "allowed": False, "status": {"status": "Failure", **status}}
    return orjson.dumps({"apiVersion": api_version, "kind": KIND, "response": response})


def _clipped(message: str) -> str:
    if len(message) <= _LONGEST_MESSAGE:
        return message
    return message[: _LONGEST_MESSAGE - 3] + "..."
