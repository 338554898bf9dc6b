"""What holds for every pod, ServiceAccount and configuration, whatever people write into them."""

import copy
import json
import re
from collections.abc import Iterator
from typing import Any

import jsonpatch
from hypothesis import assume, event, given

from tests.builders import Json
from tests.webhook.mutation.oracle import meant, place
from tests.webhook.mutation.permitted import PROXY_NAMES, RESERVED, containers_of, is_ours
from tests.webhook.mutation.strategies import Review, broken_reviews, reviews
from webhook.mutation.mutate import account_name, mutate
from webhook.mutation.outcome import Injected, Refused


def exactly(value: Any) -> str:
    """A text that is the same for the same JSON only: 1 is neither true nor 1.0."""
    return json.dumps(value, sort_keys=True)


def applied(pod: Json, outcome: Injected) -> Json:
    """The pod after the operations, by somebody else's library."""
    return jsonpatch.apply_patch(pod, outcome.operations)  # type: ignore[no-any-return]


def injected(review: Review) -> Injected:
    outcome = mutate(*review)
    assume(isinstance(outcome, Injected))
    assert isinstance(outcome, Injected)
    return outcome


@given(reviews)
def test_the_patch_makes_the_pod_that_was_meant(review: Review) -> None:
    outcome = mutate(*review)
    expected = meant(*review)
    if isinstance(outcome, Refused):
        event("refused")
        assert expected is None, outcome.message
        return
    event("unchanged" if not outcome.operations else "changed")
    assert expected is not None, "this pod ought to be refused"
    assert exactly(applied(review[0], outcome)) == exactly(expected)


@given(reviews)
def test_a_second_pass_yields_nothing(review: Review) -> None:
    pod, namespace, account, config = review
    once = applied(pod, injected(review))
    again = mutate(once, namespace, account, config)
    assert isinstance(again, Injected)
    assert again.operations == []


@given(reviews)
def test_a_second_pass_yields_nothing_after_defaulting_and_under_another_name(
    review: Review,
) -> None:
    pod, namespace, account, config = review
    stored = defaulted(applied(pod, injected(review)))
    stored["metadata"] = {**(stored.get("metadata") or {}), "name": "another-name"}
    stored["metadata"].pop("generateName", None)
    again = mutate(stored, namespace, account, config)
    assert isinstance(again, Injected)
    assert again.operations == []


@given(reviews)
def test_what_the_user_wrote_survives_in_its_order(review: Review) -> None:
    pod = review[0]
    after = applied(pod, injected(review))
    assert list(lost(pod, after, "")) == []


@given(reviews)
def test_operations_only_add_or_replace_what_is_ours(review: Review) -> None:
    pod = copy.deepcopy(review[0])
    for operation in injected(review).operations:
        assert is_ours(operation, pod), operation
        pod = jsonpatch.apply_patch(pod, [operation])


@given(reviews)
def test_containers_that_are_skipped_stay_as_they_are(review: Review) -> None:
    pod = review[0]
    annotations = (pod.get("metadata") or {}).get("annotations") or {}
    written = annotations.get("azure.workload.identity/skip-containers", "")
    skipped = {name.strip() for name in written.split(";")}
    after = {container["name"]: container for container in containers_of(applied_to(review))}
    for container in containers_of(pod):
        if container["name"] in skipped:
            event("skipped")
            assert exactly(after[container["name"]]) == exactly(container)


@given(reviews)
def test_nothing_is_there_twice_afterwards(review: Review) -> None:
    after = applied_to(review)
    names = [container["name"] for container in containers_of(after)]
    assert len(names) == len(set(names))
    volumes = [volume["name"] for volume in after["spec"]["volumes"]]
    assert len(volumes) == len(set(volumes))
    reserved = {name for name in volumes if name.startswith(RESERVED)}
    mounts_before = {
        container["name"]: len(container.get("volumeMounts") or [])
        for container in containers_of(review[0])
    }
    for container in containers_of(after):
        places = [place(mount["mountPath"]) for mount in container.get("volumeMounts") or []]
        for index in range(mounts_before.get(container["name"], 0), len(places)):
            assert places[index] not in places[:index]
            ours_below = [
                mount
                for mount in container["volumeMounts"][:index]
                if mount["name"] in reserved
                and not (mount.get("subPath") or mount.get("subPathExpr"))
                and place(mount["mountPath"]).startswith(places[index] + "/")
            ]
            assert not ours_below, "a mount inside a read-only one"


@given(broken_reviews)
def test_wrong_types_anywhere_are_refused_or_harmless(review: Review) -> None:
    pod, namespace, account, config = review
    assert isinstance(account_name(pod), str)
    before = copy.deepcopy(pod)
    outcome = mutate(pod, namespace, account, config)
    assert exactly(pod) == exactly(before)
    if isinstance(outcome, Refused):
        event("refused")
        assert outcome.faults
        assert outcome.message.isprintable()
        return
    event("injected")
    after = applied(pod, outcome)
    assert list(lost(pod, after, "")) == []
    again = mutate(after, namespace, account, config)
    assert isinstance(again, Injected)
    assert again.operations == []


@given(reviews)
def test_the_pod_that_came_is_never_modified(review: Review) -> None:
    pod, namespace, account, config = review
    before = exactly(pod)
    outcome = mutate(pod, namespace, account, config)
    assert exactly(pod) == before
    if isinstance(outcome, Injected):
        applied(pod, outcome)
        assert exactly(pod) == before, "the operations share parts with the pod"


@given(reviews)
def test_what_is_said_can_be_said(review: Review) -> None:
    outcome = mutate(*review)
    if isinstance(outcome, Refused):
        assert outcome.faults
        assert outcome.message.isprintable()
        return
    assert len(outcome.warnings) <= 16
    for warning in outcome.warnings:
        assert 0 < len(warning.message) <= 120
        assert warning.message.isprintable()
    for key, value in outcome.audit.items():
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", key)
        assert isinstance(value, str)


def applied_to(review: Review) -> Json:
    return applied(review[0], injected(review))


def defaulted(value: Any) -> Any:
    """What the API server makes of a pod between two passes, as far as it can concern us.

    It decodes into Go structs and encodes those: nothings are dropped, defaults are filled in.
    """
    if isinstance(value, list):
        return [defaulted(item) for item in value]
    if not isinstance(value, dict):
        return value
    kept = {
        key: defaulted(item)
        for key, item in value.items()
        if item not in (None, False, "", [])
        or key in {"mountPath", "optional", "privileged", "runAsNonRoot"}
    }
    if isinstance(kept.get("projected"), dict):
        kept["projected"].setdefault("defaultMode", 420)
    if "image" in kept and "name" in kept:
        kept.setdefault("imagePullPolicy", "Always")
        kept.setdefault("terminationMessagePath", "/dev/termination-log")
    if "containerPort" in kept:
        kept.setdefault("protocol", "TCP")
    return kept


def lost(before: Any, after: Any, path: str) -> Iterator[str]:
    """What of the user's is gone, changed or in another order; nothings may be filled."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key, value in before.items():
            where = f"{path}/{key}"
            if key not in after:
                yield where
            elif not (value in (None, [], "") and may_be_filled(where)):
                yield from lost(value, after[key], where)
    elif isinstance(before, list) and isinstance(after, list):
        yield from lost_items(before, after, path)
    elif exactly(before) != exactly(after):
        yield path


def lost_items(before: list[Any], after: list[Any], path: str) -> Iterator[str]:
    if re.fullmatch(r"/spec/(initContainers|containers)", path):
        after = [item for item in after if not is_new_proxy(item, before)]
    for index, value in enumerate(before):
        if index >= len(after):
            yield f"{path}/{index}"
        elif not is_reserved(value, path):
            yield from lost(value, after[index], f"{path}/{index}")


def may_be_filled(path: str) -> bool:
    container = r"/spec/(initContainers|containers)"
    return bool(
        re.fullmatch(
            rf"/metadata(/namespace)?|/spec/volumes|{container}(/\d+/(env|volumeMounts))?", path
        )
    )


def is_new_proxy(container: Json, before: list[Json]) -> bool:
    return container["name"] in PROXY_NAMES and container["name"] not in [
        one["name"] for one in before
    ]


def is_reserved(item: Any, path: str) -> bool:
    """Volumes of our prefix are ours to write; so is `readOnly` of their mounts."""
    return bool(
        re.fullmatch(r"/spec/volumes|.*/volumeMounts", path)
        and isinstance(item, dict)
        and str(item.get("name")).startswith(RESERVED)
    )
