"""A change of RBAC: grants are asked for anew, of those that it may concern, and of no others."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import pytest

from controller.grant_notices import Concerned, GrantNotices
from controller.model import Key, Wish

OURS = {"apiGroups": ["azure.workload.identity"], "resources": ["identities"]}
ALL = {"apiGroups": ["*"], "resources": ["*"]}
OTHERS = {"apiGroups": ["apps"], "resources": ["deployments"]}
NONE = {"nonResourceURLs": ["/healthz"]}


def wish(namespace: str, account: str) -> Wish:
    return Wish(Key(namespace, f"{account}-object"), "u", "", 1, "", "", "", account)


WISHES = {
    "shop/app": wish("shop", "app"),
    "shop/other": wish("shop", "other"),
    "shop/foreign": wish("shop", ""),
    "bank/app": wish("bank", "app"),
}


@dataclass
class Heard:
    """What is told, as the names of the wishes that it concerns."""

    forgotten: int = 0
    concerned: list[set[str]] = field(default_factory=list)
    notices: GrantNotices = field(init=False)

    def __post_init__(self) -> None:
        self.notices = GrantNotices(self._forget, self._changed)

    def told(self, kind: str, *bodies: Any) -> None:
        for body in bodies:
            self.notices.told(kind, body)

    def _forget(self) -> None:
        self.forgotten += 1

    def _changed(self, concerned: Concerned) -> None:
        assert self.forgotten == len(self.concerned) + 1, "asked before what is kept was forgotten"
        self.concerned.append({name for name, one in WISHES.items() if concerned(one)})


@pytest.fixture
def heard() -> Heard:
    return Heard()


def role(*rules: Any, name: str = "granting") -> dict[str, Any]:
    return {"metadata": {"name": name}, "rules": list(rules)}


def binding(*subjects: Any, name: str = "grant", to: str = "granting") -> dict[str, Any]:
    return {"metadata": {"name": name}, "roleRef": {"name": to}, "subjects": list(subjects)}


def service_account(namespace: str, name: str) -> dict[str, Any]:
    return {"kind": "ServiceAccount", "namespace": namespace, "name": name}


def group(name: str) -> dict[str, Any]:
    return {"kind": "Group", "name": name}


APP = service_account("shop", "app")
EVERYBODY = set(WISHES)
KINDS = ("ADDED", "MODIFIED", "DELETED")

# Bindings.


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("subject", "concerned"),
    [
        (APP, {"shop/app"}),
        ({"kind": "User", "name": "system:serviceaccount:shop:app"}, {"shop/app"}),
        (
            group("system:serviceaccounts:shop"),
            {"shop/app", "shop/other", "shop/foreign"},
        ),
        (group("system:serviceaccounts"), EVERYBODY),
        (group("system:authenticated"), EVERYBODY),
    ],
)
def test_a_binding_concerns_those_that_it_names(
    heard: Heard, kind: str, subject: Any, concerned: set[str]
) -> None:
    heard.told(kind, binding(subject))

    assert heard.concerned == [concerned]
    assert heard.forgotten == 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_binding_of_people_concerns_nobody(heard: Heard, kind: str) -> None:
    heard.told(
        kind,
        binding({"kind": "User", "name": "ann"}, group("admins"), group("system:masters")),
        binding(),
        {"metadata": {"name": "grant"}, "roleRef": {"name": "granting"}},
    )

    assert heard.concerned == []
    assert heard.forgotten == 0


def test_a_binding_that_names_others_now_concerns_both(heard: Heard) -> None:
    heard.told("", binding(APP))

    heard.told("MODIFIED", binding(service_account("bank", "app")))

    assert heard.concerned == [{"shop/app", "bank/app"}]


def test_a_binding_that_names_nobody_any_more_concerns_those_that_it_named(heard: Heard) -> None:
    heard.told("ADDED", binding(APP))

    heard.told("MODIFIED", binding())

    assert heard.concerned == [{"shop/app"}] * 2


def test_of_a_binding_that_is_gone_nothing_is_remembered(heard: Heard) -> None:
    heard.told("ADDED", binding(APP))
    heard.told("DELETED", binding(APP))

    heard.told("ADDED", binding(service_account("bank", "app")))

    assert heard.concerned == [{"shop/app"}, {"shop/app"}, {"bank/app"}]


def test_a_binding_that_was_changed_and_then_deleted_concerns_whom_it_named_last(
    heard: Heard,
) -> None:
    """An event in between was missed."""
    heard.told("", binding(APP))

    heard.told("DELETED", binding(service_account("bank", "app")))

    assert heard.concerned == [{"shop/app", "bank/app"}]


def test_a_binding_made_anew_under_the_same_name_concerns_those_that_it_names(
    heard: Heard,
) -> None:
    """What it is bound to can't be changed, so that it is deleted and made."""
    heard.told("", binding(APP))

    heard.told("DELETED", binding(APP))
    heard.told("ADDED", binding(APP, to="nothing"))

    assert heard.concerned == [{"shop/app"}] * 2


def test_the_binding_of_another_name_is_another_one(heard: Heard) -> None:
    heard.told("", binding(APP), binding(service_account("bank", "app"), name="other"))

    heard.told("DELETED", binding(APP))

    assert heard.concerned == [{"shop/app"}]


# Roles.


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rules", [(OURS,), (ALL,), (OTHERS, NONE, OURS)])
def test_a_role_that_grants_anything_of_ours_concerns_everybody(
    heard: Heard, kind: str, rules: Iterable[Any]
) -> None:
    heard.told("", role(*rules))

    heard.told(kind, role(*rules))

    assert heard.concerned == [EVERYBODY]


def test_a_role_that_was_never_seen_and_is_gone_concerns_everybody(heard: Heard) -> None:
    """It may have granted something while its making was missed."""
    heard.told("DELETED", role(OURS))

    assert heard.concerned == [EVERYBODY]


def test_of_a_role_that_is_gone_nothing_is_remembered(heard: Heard) -> None:
    heard.told("", role(OURS))
    heard.told("DELETED", role(OURS))

    heard.told("ADDED", role(OTHERS))

    assert heard.concerned == [EVERYBODY]


@pytest.mark.parametrize("rules", [(), (OTHERS,), (NONE,), ({"apiGroups": None},)])
def test_a_role_of_others_concerns_nobody(heard: Heard, rules: Iterable[Any]) -> None:
    for kind in KINDS:
        heard.told(kind, role(*rules), {"metadata": {"name": "empty"}, "rules": None})

    assert heard.concerned == []


def test_a_role_that_says_nothing_of_ours_any_more_concerns_everybody_once(heard: Heard) -> None:
    heard.told("", role(OURS))

    heard.told("MODIFIED", role(OTHERS))
    heard.told("MODIFIED", role(OTHERS))

    assert heard.concerned == [EVERYBODY]


def test_a_role_that_says_something_of_ours_now_concerns_everybody(heard: Heard) -> None:
    heard.told("", role(OTHERS))

    heard.told("MODIFIED", role(OTHERS, OURS))

    assert heard.concerned == [EVERYBODY]


# The start.


def test_what_was_listed_at_the_start_is_only_remembered(heard: Heard) -> None:
    heard.told("", role(OURS), binding(APP), role(OURS, name="other"))

    assert heard.concerned == []
    assert heard.forgotten == 0
