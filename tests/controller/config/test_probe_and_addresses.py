"""Where credentials are proved, and where the controller is looked at."""

import pytest

from controller.config.settings import Address
from tests.controller.config.test_parse import faults, parse


def test_nothing_is_probed_unless_asked_for() -> None:
    probe = parse().probe
    assert not probe.on
    assert not probe.covers("shop")


def test_namespaces_are_probed_by_name() -> None:
    probe = parse(
        "--probe-namespaces=shop, billing,,shop", "--probe-scope=https://a/.default"
    ).probe
    assert probe.on
    assert (probe.namespaces, probe.scope) == (
        frozenset({"shop", "billing"}),
        "https://a/.default",
    )
    assert probe.covers("billing")
    assert not probe.covers("other")


def test_everywhere_is_all_but_kube_system() -> None:
    probe = parse("--probe-namespaces=*").probe
    assert probe.on
    assert probe.namespaces == frozenset()
    assert probe.covers("any")
    assert not probe.covers("kube-system")


def test_kube_system_is_refused() -> None:
    (fault,) = faults("--probe-namespaces=shop,kube-system")
    assert fault == (
        '--probe-namespaces: "kube-system" is not valid; expected other namespaces: nobody is to'
        " have kube-system's tokens"
    )


def test_a_probe_s_faults_are_told() -> None:
    found = faults("--probe-namespaces=Shop", "--probe-scope=https://a", "--probe-interval=5m")
    assert [fault.partition(":")[0] for fault in found] == [
        "--probe-interval",
        "--probe-namespaces",
        "--probe-scope",
    ]


@pytest.mark.parametrize(
    ("text", "address"),
    [
        (":9440", Address("", 9440)),
        ("127.0.0.1:0", Address("127.0.0.1", 0)),
        ("[::1]:9440", Address("::1", 9440)),
        ("localhost:9440", Address("localhost", 9440)),
    ],
)
def test_an_address_is_read_as_go_programs_do(text: str, address: Address) -> None:
    config = parse(f"--health-addr={text}", f"--metrics-addr={text}")
    assert (config.health_address, config.metrics_address) == (address, address)
    assert str(address) == text


def test_metrics_can_be_off() -> None:
    assert parse("--metrics-addr=0").metrics_address is None
    assert len(faults("--health-addr=0")) == 1


@pytest.mark.parametrize("text", ["9440", ":", ":x", "::1:9440", ":65536", ":-1", ":9\u0664"])
def test_what_is_no_address_is_a_fault(text: str) -> None:
    assert len(faults(f"--health-addr={text}", f"--metrics-addr={text}")) == 2


@pytest.mark.parametrize("count", ["0", "21", "1.5", "many", "-3"])
def test_a_namespace_s_slots_are_1_to_20(count: str) -> None:
    assert len(faults(f"--slots-per-namespace={count}")) == 1


def test_a_kubeconfig_is_there() -> None:
    (fault,) = faults("--kubeconfig=/nonexistent/config")
    assert fault == (
        '--kubeconfig: "/nonexistent/config" is not valid; expected a file that is there and can'
        " be read"
    )
