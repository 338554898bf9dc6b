"""The controller's rights: with them nothing is forbidden to it, without any of them something is.

What fails then stands in `NEEDS` and its likes in tests/cluster/controller/test_roles.py.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import pytest

from tests.cluster.api import Json
from tests.cluster.controller.faults.conftest import Tell
from tests.cluster.controller.faults.scenario import (
    ANNOTATE,
    BIND,
    CHANGE,
    DELETE,
    RESTART,
    START,
    UNANNOTATE,
    WITHDRAW,
    Step,
)
from tests.cluster.controller.faults.world import World
from tests.cluster.controller.installed import NAME, allowed, apply, documents, until
from tests.cluster.controller.test_roles import NEEDS, OWN_NAMED_NEEDS, OWN_NEEDS
from tests.gateway import Call

pytestmark = pytest.mark.cluster

Right = tuple[str, str, str]
"""A verb, a group, a resource with its subresource."""
ALL: Final[dict[Right, str]] = {**NEEDS, **OWN_NEEDS, **OWN_NAMED_NEEDS}
LIFE: Final = (START, ANNOTATE, CHANGE, ANNOTATE, RESTART, WITHDRAW, BIND, UNANNOTATE, DELETE)
_PATH: Final = re.compile(
    r"/apis?/(?:(?P<group>[^/]+\.[^/]+)/)?v[^/]+/(?:namespaces/[^/]+/)?"
    r"(?P<resource>[a-z]+)(?:/(?P<name>[^/]+)(?:/(?P<part>[a-z]+))?)?$"
)
_VERBS: Final = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
_PATIENCE: Final = 40.0


def right_of(call: Call) -> Right | None:
    """Return what a call of the API server needs; none if it is not about an object."""
    found = _PATH.match(call.path)
    if call.gateway != "kube" or found is None:
        return None
    if call.method == "GET":
        verb = "get" if found["name"] else "watch" if call.kind == "watch" else "list"
    else:
        verb = _VERBS[call.method]
    resource = f"{found['resource']}/{found['part']}" if found["part"] else found["resource"]
    return verb, found["group"] or "", resource


def forbidden(world: World) -> set[Right]:
    """Return what the controller asked for and was not allowed."""
    calls = [call for call in world.ledger.calls if call.status == 403]
    return {right for call in calls if (right := right_of(call))}


@contextmanager
def lacking(world: World, right: Right) -> Iterator[None]:
    """Take one verb of one rule away."""
    name = f"{NAME}-{world.namespace}"
    roles = [
        body
        for body in documents("controller-role.yaml", namespace=world.namespace, name=name)
        if "rules" in body
    ]
    try:
        for body in roles:
            apply(world.api, body | {"rules": [_less(rule, right) for rule in body["rules"]]})
        until(lambda: not _has(world, right), f"{right} is taken away")
        yield
    finally:
        for body in roles:
            apply(world.api, body)
        until(lambda: _has(world, right), f"{right} is there again")


def _less(rule: Json, right: Right) -> Json:
    """Return a rule without it: one of many verbs, or one of many resources."""
    verb, group, resource = right
    named = right in OWN_NAMED_NEEDS
    if (
        [group] != rule["apiGroups"]
        or resource not in rule["resources"]
        or named != ("resourceNames" in rule)
    ):
        return rule
    return rule | {"verbs": [one for one in rule["verbs"] if one != verb] or ["none"]}


def _has(world: World, right: Right) -> bool:
    verb, group, resource = right
    more = {"name": NAME} if right in OWN_NAMED_NEEDS else {}
    return allowed(
        world.api, world.user, verb, resource, group=group, namespace=world.namespace, **more
    )


def _over(world: World, step: Step) -> bool:
    """Whether a step has ended as it should."""
    return bool(world.controllers) and world.is_ready() and world.wrong(step.wanted) == 0


def test_with_its_rights_nothing_is_forbidden(world: World) -> None:
    asked: set[Right] = set()
    for step in LIFE:
        step.act(world)
        world.until(lambda step=step: _over(world, step), step.name)  # type: ignore[misc]
        world.ledger.quiet(0.2, within=_PATIENCE)
        assert forbidden(world) == set()
        asked |= {right for call in world.ledger.calls if (right := right_of(call))}
    assert asked <= ALL.keys()


@pytest.mark.parametrize("right", ALL, ids=lambda right: "-".join(filter(None, right)))
def test_without_any_one_of_them_something_is(world: World, tell: Tell, right: Right) -> None:
    with lacking(world, right):
        for step in LIFE:
            step.act(world)
            world.until(
                lambda step=step: right in forbidden(world) or _over(world, step),  # type: ignore[misc]
                f"{step.name} without {right}",
            )
            if right in forbidden(world):
                tell(f"without {' '.join(filter(None, right))}: {ALL[right]} ({step.name})")
                return
        pytest.fail(f"nothing of a whole life asks for {right}")
