"""Malformed reviews: fields missing, null, of another type, of another meaning."""

import random
from collections.abc import Callable
from typing import Any, Final

from hack.fuzz.chance import STRINGS, junk, odd_name
from hack.fuzz.reviews import Json

_FIELDS: Final = (
    *("uid", "kind", "resource", "namespace", "operation", "object", "oldObject", "userInfo"),
    *("subResource", "requestKind", "dryRun", "options", "name"),
)
_VERSIONS: Final[tuple[Any, ...]] = (
    *("admission.k8s.io/v1", "admission.k8s.io/v1beta1", "admission.k8s.io/v2", "v1", "", "V1"),
    *("admission.k8s.io/v1 ", "admission.k8s.io/V1", "admission.k8s.io", None, 1, [], {}),
)
_OPERATIONS: Final[tuple[Any, ...]] = (
    "CREATE",
    "UPDATE",
    "DELETE",
    "CONNECT",
    "create",
    "",
    "*",
    None,
    0,
    [],
    {},
)
_KINDS: Final = ("Pod", "pod", "Deployment", "PodList", "", None, 5)


def mangle(review: Json, chance: random.Random) -> tuple[Any, str]:
    """Change a review, in place or into something else; says what was done."""
    done = []
    changed: Any = review
    for _ in range(chance.choice((1, 1, 2, 3))):
        if not isinstance(changed, dict):
            break
        change = chance.choices(_CHANGES, _WEIGHTS)[0]
        try:
            changed = change(changed, chance)
        except (AttributeError, IndexError, KeyError, TypeError):
            continue  # an earlier change took away what this one needs
        done.append(change.__name__.strip("_").replace("_", " "))
    return changed, ", ".join(done) or "as it was"


def _drop_a_field(review: Json, chance: random.Random) -> Any:
    parent = review if chance.random() < 0.2 else review["request"]
    del parent[chance.choice(tuple(parent))]
    return review


def _null_a_field(review: Json, chance: random.Random) -> Any:
    parent = review if chance.random() < 0.2 else review["request"]
    parent[chance.choice(tuple(parent))] = None
    return review


def _mistype_a_field(review: Json, chance: random.Random) -> Any:
    if chance.random() < 0.2:
        review[chance.choice(("apiVersion", "kind", "request"))] = junk(chance)
    else:
        review["request"][chance.choice(_FIELDS)] = junk(chance)
    return review


def _write_another_version(review: Json, chance: random.Random) -> Any:
    review["apiVersion"] = chance.choice(_VERSIONS)
    return review


def _write_another_kind(review: Json, chance: random.Random) -> Any:
    review["kind"] = chance.choice(("AdmissionReview", "admissionreview", "Pod", "", None, []))
    return review


def _ask_another_operation(review: Json, chance: random.Random) -> Any:
    review["request"]["operation"] = chance.choice(_OPERATIONS)
    return review


def _ask_about_another_kind(review: Json, chance: random.Random) -> Any:
    request = review["request"]
    field, key = chance.choice((("kind", "kind"), ("resource", "resource"), ("kind", "group")))
    request[field][key] = chance.choice((*_KINDS, odd_name(chance)))
    if chance.random() < 0.3:
        request["object"]["kind"] = chance.choice(_KINDS)
    return review


def _write_an_odd_uid(review: Json, chance: random.Random) -> Any:
    lengths = ("", "u" * 128, "u" * 129, "\u00e9" * 128, "u" * 100_000)
    review["request"]["uid"] = chance.choice((*lengths, *STRINGS, junk(chance)))
    return review


def _write_an_odd_namespace(review: Json, chance: random.Random) -> Any:
    sizes = ("n" * 63, "n" * 64, "n" * 70_000)
    made = f"ns-{chance.randrange(5000)}"
    namespace = chance.choice((*sizes, "", made, "-a", "a/b", odd_name(chance), junk(chance)))
    review["request"]["namespace"] = namespace
    return review


def _put_something_in_the_pods_place(review: Json, chance: random.Random) -> Any:
    review["request"]["object"] = junk(chance)
    return review


def _send_an_old_object_too(review: Json, chance: random.Random) -> Any:
    review["request"]["oldObject"] = chance.choice((review["request"]["object"], junk(chance)))
    return review


def _add_a_response(review: Json, chance: random.Random) -> Any:
    review["response"] = {"uid": "x", "allowed": chance.choice((True, junk(chance)))}
    return review


def _add_fields(review: Json, chance: random.Random) -> Any:
    for _ in range(chance.choice((1, 3, 200))):
        chance.choice((review, review["request"]))[odd_name(chance)] = junk(chance)
    return review


def _wrap(review: Json, chance: random.Random) -> Any:
    return chance.choice(([review], {"items": [review]}, {"request": review}, review["request"]))


def _send_something_else(_: Json, chance: random.Random) -> Any:
    return junk(chance)


_CHOICES: Final[tuple[tuple[Callable[[Json, random.Random], Any], int], ...]] = (
    (_drop_a_field, 12),
    (_null_a_field, 10),
    (_mistype_a_field, 20),
    (_write_another_version, 5),
    (_write_another_kind, 3),
    (_ask_another_operation, 5),
    (_ask_about_another_kind, 8),
    (_write_an_odd_uid, 8),
    (_write_an_odd_namespace, 8),
    (_put_something_in_the_pods_place, 5),
    (_send_an_old_object_too, 3),
    (_add_a_response, 2),
    (_add_fields, 5),
    (_wrap, 3),
    (_send_something_else, 2),
)
_CHANGES: Final = tuple(change for change, _ in _CHOICES)
_WEIGHTS: Final = tuple(weight for _, weight in _CHOICES)
