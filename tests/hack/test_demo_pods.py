"""How the demo compares pods."""

import copy
from typing import Any

from hack.demo.pods import Line, as_template, changes, comparable, difference
from tests.builders import a_container, a_pod


def stored(pod: dict[str, Any], uid: str = "1", access: str = "x2b4c") -> dict[str, Any]:
    """The pod as an API server gives it back."""
    found = copy.deepcopy(pod)
    found["metadata"] |= {
        "uid": uid,
        "creationTimestamp": "2026-11-22T10:00:00Z",
        "generation": 1,
        "resourceVersion": uid,
        "managedFields": [{"manager": "somebody"}],
    }
    found["spec"]["nodeName"] = "node-1"
    found["spec"]["volumes"] = [{"name": f"kube-api-access-{access}", "projected": {"sources": []}}]
    mount = {"name": f"kube-api-access-{access}", "mountPath": "/var/run/secrets/kubernetes.io"}
    found["spec"]["containers"][0]["volumeMounts"] = [mount]
    found["status"] = {"phase": "Pending"}
    return found


def test_pods_that_differ_only_in_what_the_server_makes_up_are_the_same() -> None:
    assert difference(stored(a_pod(), "1", "x2b4c"), stored(a_pod(), "2", "zzzzz")) == []


def test_comparing_leaves_the_pods_as_they_are() -> None:
    pod = stored(a_pod())
    before = copy.deepcopy(pod)
    comparable(pod)
    assert pod == before


def test_a_difference_has_its_place_three_lines_around_it_and_what_is_new() -> None:
    env = [{"name": "LOG_LEVEL", "value": "info"}]
    before = a_pod(a_container("app", env=env), a_container("other"))
    after = a_pod(
        a_container("app", env=[*env, {"name": "AZURE_CLIENT_ID", "value": "3f0c"}]),
        a_container("other"),
    )
    assert difference(before, after) == [
        Line("place", "spec.containers.env"),
        Line("same", "      env:"),
        Line("same", "        - name: LOG_LEVEL"),
        Line("same", "          value: info"),
        Line("added", "        - name: AZURE_CLIENT_ID"),
        Line("added", "          value: 3f0c"),
        Line("same", "    - name: other"),
        Line("same", "      image: registry.example/other:1"),
    ]


def test_differences_far_from_each_other_have_a_place_each() -> None:
    before = a_pod("one", *(a_container(f"c{number}") for number in range(9)), "two")
    after = copy.deepcopy(before)
    after["metadata"]["labels"]["more"] = "yes"
    after["spec"]["containers"][-1]["image"] = "registry.example/two:2"
    places = [line.text for line in difference(before, after) if line.kind == "place"]
    assert places == ["metadata.labels", "spec.containers"]


def test_a_field_beside_a_list_is_not_placed_inside_of_it() -> None:
    """`image` follows `env` in the container: it is no child of it."""
    before = a_pod({"env": [{"name": "A", "value": "1"}], "name": "app", "image": "one"})
    after = a_pod({"env": [{"name": "A", "value": "1"}], "name": "app", "image": "two"})
    assert difference(before, after)[0] == Line("place", "spec.containers")


def test_what_is_cut_off_at_the_end_is_seen() -> None:
    before, after = a_pod(restartPolicy="Never"), a_pod()
    assert changes(before, after) == ["- restartPolicy: Never"]


def test_changes_are_the_lines_that_differ() -> None:
    before, after = a_pod(a_container("app")), a_pod(a_container("app", tty=True))
    assert changes(before, after) == ["+ tty: true"]
    assert changes(after, before) == ["- tty: true"]


def test_a_template_keeps_what_a_controller_would_keep() -> None:
    pod = stored(a_pod(annotations={"skip-containers": "x"}))
    made = as_template(pod, "web-2")
    assert made["metadata"] == {
        "name": "web-2",
        "namespace": "demo",
        "labels": pod["metadata"]["labels"],
        "annotations": pod["metadata"]["annotations"],
    }
    assert made["spec"] == {key: pod["spec"][key] for key in pod["spec"] if key != "nodeName"}
    assert set(made) == {"apiVersion", "kind", "metadata", "spec"}
