"""The judge of one case: everything that an answer must be, whatever was asked. Pure."""

import base64
import binascii
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import jsonpatch
from jsonpointer import JsonPointerException

from hack.fuzz.additive import loss
from hack.fuzz.case import Answer, Case, End, Seen
from hack.fuzz.reviews import SECRET
from identity.names import PREFIX

_VERSIONS: Final = ("admission.k8s.io/v1", "admission.k8s.io/v1beta1")
_LONGEST_WARNING: Final = 120
_LONGEST_MESSAGE: Final = 8192
_INSIDE: Final = re.compile(rb"Traceback|site-packages|[\w/]\.py\b|line \d+, in |Error\(")
_RETRY: Final = "can be tried again"
_TOO_SLOW: Final = 408
_SLACK: Final = 4 * 1024 * 1024


class Kind(StrEnum):
    """What can be wrong."""

    HANG = "no answer in time"
    SILENCE = "a connection ended without an answer"
    BROKEN = "an answer that is no HTTP"
    SERVER_ERROR = "a 5xx"
    STATUS = "another status than the case asks for"
    WORDLESS = "an error without a reason"
    REVIEW = "no well-formed AdmissionReview"
    STRANGER = "another request's uid, or another version"
    INTERNAL = "an internal error"
    FAILURE = "status.code 500 though the API server answers"
    PATCH = "a patch that is none, or not allowed"
    LOSS = "something of the pod's own is lost"
    REFUSED = "a sound pod is not admitted"
    WARNING = "a warning that is too long"
    INSIDE = "a traceback or a path of ours"
    SECRET = "a secret in an answer"
    SIZE = "an answer out of proportion"
    # Of the whole run.
    LOG = "the log"
    METRICS = "the metrics"
    MEMORY = "memory grows"
    CONNECTIONS = "connections are left"
    HEALTH = "the server is not as it was"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong."""

    kind: Kind
    detail: str


def judge(case: Case, seen: Seen) -> Iterator[Finding]:
    """Yield what is wrong with what came back."""
    if seen.fault:
        yield Finding(Kind.BROKEN, seen.fault)
    if case.end is not End.READ:
        return
    expected = case.expected
    if len(seen.answers) < expected.answers and not seen.fault:
        if seen.timed_out:
            yield Finding(Kind.HANG, f"{seen.seconds:.1f} s, {len(seen.answers)} answers")
        elif not expected.may_close and not _turned_away(seen):
            yield Finding(Kind.SILENCE, f"{len(seen.answers)} of {expected.answers} answers came")
    for index, answer in enumerate(seen.answers):
        body = case.bodies[index] if index < len(case.bodies) else b""
        yield from _judge_answer(case, answer, body)


def _turned_away(seen: Seen) -> bool:
    """Tell whether the last answer said that there would be no other."""
    return bool(seen.answers) and seen.answers[-1].status >= 400


def _judge_answer(case: Case, answer: Answer, body: bytes) -> Iterator[Finding]:
    if found := _INSIDE.search(answer.body):
        yield Finding(Kind.INSIDE, f"{found[0]!r} in {_start(answer.body[found.start() :])}")
        return
    if answer.status >= 500:
        yield Finding(Kind.SERVER_ERROR, f"{answer.status}: {_start(answer.body)}")
        return
    yield from _judge_status(case, answer)
    if b"internal error" in answer.body.lower():
        yield Finding(Kind.INTERNAL, _start(answer.body))
    if len(answer.body) > 2 * case.size + _SLACK:
        size = f"{len(answer.body) / 2**20:.1f} MiB for {case.size / 2**20:.1f} MiB"
        yield Finding(Kind.SIZE, size)
    elif answer.status == 200:
        yield from _judge_review(case, answer, body)
    elif not case.silent:
        yield from _judge_error(case, answer, body)


def _judge_status(case: Case, answer: Answer) -> Iterator[Finding]:
    status, allowed = answer.status, case.expected.codes
    if status != 200 and not 400 <= status < 500:
        yield Finding(Kind.STATUS, f"{status}")
    elif allowed is not None and status not in allowed:
        yield Finding(Kind.STATUS, f"{status}: {_start(answer.body)}")
    elif status == _TOO_SLOW and not case.expected.may_wait:
        yield Finding(Kind.STATUS, "408, and all was sent at once")


def _judge_error(case: Case, answer: Answer, body: bytes) -> Iterator[Finding]:
    if case.expected.reviewed and _answerable(body):
        yield Finding(Kind.STATUS, f"{answer.status} for a review: {_start(answer.body)}")
    if SECRET.encode() in answer.body:
        yield Finding(Kind.SECRET, _start(answer.body))
    if answer.headers.get("content-type") != "application/json":
        if not answer.body.strip():
            yield Finding(Kind.WORDLESS, f"{answer.status} with no body")
        return
    try:
        status = json.loads(answer.body)
        words, code = status["message"], status["code"]
    except (ValueError, KeyError, TypeError):
        yield Finding(Kind.WORDLESS, _start(answer.body))
        return
    if not words or code != answer.status:
        yield Finding(Kind.WORDLESS, _start(answer.body))


def _judge_review(case: Case, answer: Answer, body: bytes) -> Iterator[Finding]:
    try:
        review = json.loads(answer.body)
        response = review["response"]
        uid, allowed = response["uid"], response["allowed"]
        if review["kind"] != "AdmissionReview" or type(allowed) is not bool:
            raise ValueError("kind, or allowed")  # noqa: TRY301
    except (ValueError, KeyError, TypeError) as error:
        yield Finding(Kind.REVIEW, f"{error!r} in {_start(answer.body)}")
        return
    sent = _sent(body)
    if sent is None:
        yield Finding(Kind.STRANGER, f"a review for what is none: {_start(answer.body)}")
        return
    if (review["apiVersion"], uid) != (sent["apiVersion"], sent["request"]["uid"]):
        yield Finding(Kind.STRANGER, f"{review['apiVersion']!r}, {uid!r}")
        return
    yield from _judge_warnings(response)
    if not allowed:
        yield from _judge_refusal(case, response)
    if case.expected.admitted and not (allowed and response.get("patch")):
        yield Finding(Kind.REFUSED, _start(answer.body))
    patch = b""
    if allowed and "patch" in response:
        try:
            patch = base64.b64decode(response["patch"], validate=True)
        except (binascii.Error, TypeError, ValueError):
            yield Finding(Kind.PATCH, "it is not base64")
            return
        yield from _judge_patch(response, patch, sent["request"].get("object"))
    if _leaks(answer.body + patch, sent):
        yield Finding(Kind.SECRET, _start(answer.body))


def _judge_warnings(response: dict[str, Any]) -> Iterator[Finding]:
    for warning in response.get("warnings", ()):
        if not isinstance(warning, str) or not 0 < len(warning) <= _LONGEST_WARNING:
            yield Finding(Kind.WARNING, repr(warning)[:200])


def _judge_refusal(case: Case, response: dict[str, Any]) -> Iterator[Finding]:
    status = response.get("status")
    message = status.get("message") if isinstance(status, dict) else None
    if not isinstance(status, dict) or not isinstance(message, str) or not message:
        yield Finding(Kind.WORDLESS, repr(response)[:200])
        return
    if len(message) > _LONGEST_MESSAGE or "patch" in response:
        yield Finding(Kind.REVIEW, f"{len(message)} characters of message, or a patch to a refusal")
    code = status.get("code")
    if code == 500 and not (case.expected.may_fail and _RETRY in message):
        yield Finding(Kind.FAILURE, message[:200])
    elif code not in {400, 500}:
        yield Finding(Kind.REVIEW, f"status.code {code!r}")


def _judge_patch(response: dict[str, Any], patch: bytes, pod: Any) -> Iterator[Finding]:
    if response.get("patchType") != "JSONPatch":
        yield Finding(Kind.PATCH, f"patchType {response.get('patchType')!r}")
    try:
        operations = json.loads(patch)
        others = {operation["op"] for operation in operations} - {"add", "replace"}
        after = jsonpatch.JsonPatch(operations).apply(pod)
    except (
        ValueError,
        KeyError,
        TypeError,
        jsonpatch.JsonPatchException,
        JsonPointerException,
    ) as error:
        yield Finding(Kind.PATCH, f"{type(error).__name__}: {str(error)[:200]}")
        return
    if others or not operations:
        yield Finding(Kind.PATCH, f"operations {sorted(others) or 'none'}")
    lost = loss(pod, after)
    if lost:
        yield Finding(Kind.LOSS, lost)


def _leaks(told: bytes, sent: dict[str, Any]) -> bool:
    """Tell whether a secret is told that does not stand where names stand."""
    if SECRET.encode() not in told:
        return False
    return SECRET not in json.dumps(public(sent["request"].get("object")))


def public(pod: Any) -> list[Any]:
    """Return what an answer may quote: names, and annotations of ours."""
    if not isinstance(pod, dict):
        return []
    metadata, spec = pod.get("metadata"), pod.get("spec")
    spec = spec if isinstance(spec, dict) else {}
    annotations = metadata.get("annotations") if isinstance(metadata, dict) else None
    told: list[Any] = [spec.get("serviceAccountName")]
    if isinstance(annotations, dict):
        told += [pair for pair in annotations.items() if pair[0].startswith(PREFIX)]
    for items in (spec.get("containers"), spec.get("initContainers"), spec.get("volumes")):
        if isinstance(items, list):
            told += [item.get("name") for item in items if isinstance(item, dict)]
    return told


def _sent(body: bytes) -> dict[str, Any] | None:
    """Read what was sent as strictly as it should be; None if it could not be answered."""
    try:
        review = json.loads(body.decode(), parse_constant=_no_number)
    except (ValueError, RecursionError):
        return None
    if not isinstance(review, dict) or not isinstance(review.get("request"), dict):
        return None
    known = review.get("apiVersion") in _VERSIONS and review.get("kind") == "AdmissionReview"
    return review if known and isinstance(review["request"].get("uid"), str) else None


def _answerable(body: bytes) -> bool:
    sent = _sent(body)
    return sent is not None and 0 < len(sent["request"]["uid"]) <= 128


def _no_number(name: str) -> float:
    raise ValueError(name)


def _start(body: bytes) -> str:
    return repr(body[:200])
