"""Where the proxy's containers go, when somebody or an earlier pass has been there before."""

import pytest

from tests.builders import Json, a_config, a_container, a_pod, a_proxy
from tests.webhook.mutation.running import mutated, refusal

ASKED = {"inject-proxy-sidecar": "true"}
PROXY = a_container("azwi-proxy", args=["--proxy-port=8000"], restartPolicy="Always")
INIT = a_container("azwi-proxy-init", env=[{"name": "PROXY_PORT", "value": "8000"}])


def init_names(*init: Json | str, containers: tuple[Json | str, ...] = ("app",)) -> list[str]:
    return mutated(a_pod(*containers, init=list(init), annotations=ASKED)).names("initContainers")


def test_the_proxy_follows_its_init_container_wherever_that_is() -> None:
    assert init_names("a", INIT, "b") == ["a", "azwi-proxy-init", "azwi-proxy", "b"]
    assert init_names(INIT) == ["azwi-proxy-init", "azwi-proxy"]
    assert init_names("a", "b", INIT) == ["a", "b", "azwi-proxy-init", "azwi-proxy"]


def test_the_init_container_comes_first_where_the_proxy_is_there() -> None:
    assert init_names("a", PROXY, "b") == ["azwi-proxy-init", "a", "azwi-proxy", "b"]


def test_the_proxy_comes_first_where_its_init_container_is_among_the_containers() -> None:
    assert init_names("a", containers=("app", INIT)) == ["azwi-proxy", "a"]


def test_both_there_are_left_as_they_are() -> None:
    assert init_names(PROXY, "a", INIT) == ["azwi-proxy", "a", "azwi-proxy-init"]


@pytest.mark.parametrize("init", [None, [], ["a"]])
@pytest.mark.parametrize("native", [True, False])
def test_a_list_that_is_not_there_is_made(init: list[Json | str] | None, native: bool) -> None:
    pod = a_pod(init=init, annotations=ASKED)
    after = mutated(pod, config=a_config(proxy=a_proxy(native_sidecar=native)))
    added = ["azwi-proxy-init", "azwi-proxy"] if native else ["azwi-proxy-init"]
    users = ["a"] if init else []
    assert after.names("initContainers") == (added + users if native else users + added)


def test_containers_of_the_proxys_own_are_told_from_somebody_elses() -> None:
    assert mutated(a_pod(init=[INIT, PROXY], annotations=ASKED)).warnings == []
    for args in (None, [], "x", [1], ["--port=1"]):
        other = a_container("azwi-proxy", args=args)
        [warning] = mutated(a_pod("app", other, annotations=ASKED)).messages
        assert "container azwi-proxy " in warning


def test_nothing_is_said_of_the_names_where_no_proxy_is_asked_for() -> None:
    assert mutated(a_pod("app", "azwi-proxy")).warnings == []


def test_the_port_is_in_all_its_places() -> None:
    after = mutated(a_pod(annotations={**ASKED, "proxy-sidecar-port": "9001"}))
    proxy = after.container("azwi-proxy")
    assert proxy["args"] == ["--proxy-port=9001", "--log-level=info"]
    assert proxy["ports"] == [{"containerPort": 9001}]
    assert proxy["lifecycle"]["postStart"]["exec"]["command"] == [
        "/proxy",
        "--proxy-port=9001",
        "--probe",
        "--log-level=info",
    ]
    assert after.container("azwi-proxy-init")["env"][0] == {"name": "PROXY_PORT", "value": "9001"}
    assert after.audit["proxy-port"] == "9001"


def test_a_proxy_that_is_skipped_is_injected_bare() -> None:
    after = mutated(a_pod(annotations={**ASKED, "skip-containers": "azwi-proxy"}))
    assert after.warnings == []
    assert not {"env", "volumeMounts"} & after.container("azwi-proxy").keys()
    assert after.container("azwi-proxy-init")["volumeMounts"]


def test_host_network_and_missing_images_are_told_together() -> None:
    pod = a_pod(annotations=ASKED, hostNetwork=True)
    faults = refusal(pod, config=a_config(proxy=a_proxy(image="")))
    assert len(faults) == 2
    assert "hostNetwork" in faults[0]
    assert "PROXY_IMAGE" in faults[1]


def test_without_the_annotation_host_network_is_fine() -> None:
    assert mutated(a_pod(hostNetwork=True)).operations
