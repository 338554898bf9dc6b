"""The pure pieces: command lines, certificates, kubeconfigs, kind's configuration, progress."""

import base64
import datetime
import io
import ipaddress
import json
import socket
import stat
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from hack.cluster import addresses, flags, kubeconfig, pki
from hack.cluster.errors import NoHostAddress
from hack.cluster.flags import Layout
from hack.cluster.kind import kind_config
from hack.cluster.progress import Step, printed, told
from hack.cluster.settings import Settings

NOW = datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC)
LAYOUT = Layout(Path("/c"), 2379, 6443)


def api_server(settings: Settings, advertise: str | None = "192.0.2.2") -> list[str]:
    return flags.api_server(LAYOUT, settings, "https://127.0.0.1:6443", advertise)


def test_the_callers_flags_come_last_and_so_win() -> None:
    assert api_server(Settings(extra_apiserver_args=("--v=4",)))[-1] == "--v=4"


def test_the_issuer_may_be_the_api_server_itself() -> None:
    found = api_server(Settings(issuer="{url}"))
    assert "--service-account-issuer=https://127.0.0.1:6443" in found


def test_without_an_address_to_advertise_no_endpoint_is_written() -> None:
    assert "--endpoint-reconciler-type=none" in api_server(Settings(), advertise=None)
    assert "--endpoint-reconciler-type=none" not in api_server(Settings())


def test_routing_is_off_unless_asked_for() -> None:
    assert "--enable-aggregator-routing=false" in api_server(Settings())
    assert "--enable-aggregator-routing=true" in api_server(Settings(aggregator_routing=True))


def test_a_client_certificate_names_user_and_groups() -> None:
    authority = pki.make_authority("ca", NOW)
    pair = pki.issue_client(authority, "anna", ["dev", "ops"], NOW)
    found = x509.load_pem_x509_certificate(pair.certificate)
    assert found.subject.rfc4514_string() == "CN=anna,O=ops,O=dev"
    found.verify_directly_issued_by(x509.load_pem_x509_certificate(authority.certificate))


def test_a_server_certificate_names_hosts_and_addresses() -> None:
    pair = pki.issue_server(pki.make_authority("ca", NOW), ["127.0.0.1", "localhost"], NOW)
    found = x509.load_pem_x509_certificate(pair.certificate)
    names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert list(names) == [
        x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
        x509.DNSName("localhost"),
    ]


def test_service_account_tokens_are_signed_with_rsa_2048() -> None:
    private, _ = pki.make_service_account_key()
    key = load_pem_private_key(private, password=None)
    assert isinstance(key, rsa.RSAPrivateKey)
    assert key.key_size == 2048


def test_a_kubeconfig_holds_everything_and_is_private(tmp_path: Path) -> None:
    client = pki.Pair(b"certificate", b"key")
    path = kubeconfig.write(
        tmp_path / "users" / "k", url="https://u", authority=b"ca", client=client
    )
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    found = json.loads(path.read_text())
    assert found["clusters"][0]["cluster"]["server"] == "https://u"
    assert base64.b64decode(found["users"][0]["user"]["client-key-data"]) == b"key"


def test_every_user_has_another_file() -> None:
    pairs = [("a/b", []), ("a-b", []), ("a-b", ["g"]), ("system:serviceaccount:x:y", [])]
    names = [kubeconfig.file_name(user, groups) for user, groups in pairs]
    assert len(set(names)) == len(names)
    assert all("/" not in name for name in names)


def test_kind_gets_flags_in_both_forms_of_kubeadm() -> None:
    settings = Settings(
        extra_apiserver_args=("--v=2",), issuer="https://i", aggregator_routing=True
    )
    old, new = map(json.loads, kind_config(settings)["kubeadmConfigPatches"])
    expected = {
        "v": "2",
        "service-account-issuer": "https://i",
        "enable-aggregator-routing": "true",
    }
    assert old["apiServer"]["extraArgs"] == expected
    assert new["apiServer"]["extraArgs"] == [
        {"name": name, "value": value} for name, value in expected.items()
    ]


def test_kind_gets_no_patch_where_nothing_is_asked() -> None:
    assert kind_config(Settings())["kubeadmConfigPatches"] == []


def test_a_free_port_lies_below_those_of_outgoing_connections() -> None:
    lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    port = addresses.free_port()
    assert port < lowest or lowest < 21000
    with socket.create_server(("127.0.0.1", port)):
        pass


@pytest.mark.parametrize(
    ("address", "fits"),
    [("127.0.0.1", False), ("169.254.1.1", False), ("0.0.0.0", False), ("10.1.2.3", True)],
)
def test_the_host_address_is_one_that_an_endpoint_may_have(
    monkeypatch: pytest.MonkeyPatch, address: str, fits: bool
) -> None:
    monkeypatch.setattr(addresses, "_source_addresses", lambda _: iter([address]))
    monkeypatch.setattr(addresses, "_interface_addresses", lambda: iter(["127.0.0.1"]))
    monkeypatch.setattr(addresses, "_can_listen", lambda _: True)
    if fits:
        assert addresses.host_address() == address
    else:
        with pytest.raises(NoHostAddress, match="no IPv4 address besides loopback"):
            addresses.host_address()


def test_a_step_is_told_from_its_start_to_its_end() -> None:
    steps: list[Step] = []
    with told(steps.append, "starting etcd") as tell:
        tell("soon")
    assert [(step.state, step.detail) for step in steps] == [
        ("started", ""),
        ("running", "soon"),
        ("done", ""),
    ]


def test_a_step_that_fails_is_told_so() -> None:
    steps: list[Step] = []
    with pytest.raises(ValueError, match="no"), told(steps.append, "starting etcd"):
        raise ValueError("no")
    assert steps[-1].state == "failed"


def test_elsewhere_than_on_a_terminal_a_line_comes_every_10_seconds() -> None:
    out = io.StringIO()
    show = printed(out)
    show(Step("building etcd", "started", 0))
    for second in range(1, 25):
        show(Step("building etcd", "running", second, f"{second} of 100 packages"))
    show(Step("building etcd", "done", 125))
    assert out.getvalue().splitlines() == [
        "... building etcd",
        "... building etcd  10.0 s  10 of 100 packages",
        "... building etcd  20.0 s  20 of 100 packages",
        " ok building etcd  2 min 05 s",
    ]
