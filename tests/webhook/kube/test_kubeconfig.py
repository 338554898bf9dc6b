import base64
import copy
from pathlib import Path
from typing import Any

import pytest
import trustme
import yaml

from tests.fakes.kube_api import FakeKubeApi
from tests.webhook.kube.tls import Authority
from webhook.kube import VERSION, KubeClient, NotConfigured, Unreachable, kubeconfig_connection


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority(trustme.CA())


class Kubeconfig:
    """A kubeconfig that a test changes before it is read."""

    def __init__(self, folder: Path, server: str) -> None:
        self.path = folder / "config"
        self.cluster: dict[str, Any] = {"server": server}
        self.user: dict[str, Any] = {}
        self.context: dict[str, Any] = {"cluster": "c", "user": "u"}
        self.top: dict[str, Any] = {"current-context": "x"}

    def write(self) -> Path:
        other = {"cluster": {"server": "https://other.example"}, "name": "other"}
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [other, {"name": "c", "cluster": self.cluster}],
            "users": [{"name": "u", "user": self.user}],
            "contexts": [{"name": "x", "context": self.context}],
            **self.top,
        }
        self.path.write_text(yaml.safe_dump(copy.deepcopy(content)))
        return self.path


@pytest.fixture
def config(tmp_path: Path, authority: Authority) -> Kubeconfig:
    found = Kubeconfig(tmp_path, "https://127.0.0.1:6443")
    found.cluster["certificate-authority-data"] = data(authority.ca_pem)
    return found


def data(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


async def major(config: Kubeconfig) -> str:
    async with KubeClient(kubeconfig_connection(config.write())) as client:
        return str((await client.get(VERSION))["major"])


async def test_a_client_certificate_in_the_file(config: Kubeconfig, authority: Authority) -> None:
    certificate, key = authority.client()
    config.user = {"client-certificate-data": data(certificate), "client-key-data": data(key)}
    async with FakeKubeApi(tls=authority.server(ask=True)) as api:
        config.cluster["server"] = api.url + "/"

        assert await major(config) == "1"


async def test_files_are_found_from_the_folder_of_the_kubeconfig(
    config: Kubeconfig, authority: Authority, tmp_path: Path
) -> None:
    certificate, key = authority.client()
    (tmp_path / "pki").mkdir()
    (tmp_path / "pki" / "ca.pem").write_text(authority.ca_pem)
    (tmp_path / "pki" / "c.pem").write_text(certificate)
    (tmp_path / "pki" / "k.pem").write_text(key)
    (tmp_path / "pki" / "token").write_text("abc")
    config.user = {
        "client-certificate": "pki/c.pem",
        "client-key": str(tmp_path / "pki" / "k.pem"),
        "tokenFile": "pki/token",
        "token": "not this one",
    }
    async with FakeKubeApi(tls=authority.server(ask=True)) as api:
        config.cluster = {"server": api.url, "certificate-authority": "pki/ca.pem"}

        assert await major(config) == "1"
        assert api.requests[0].headers["authorization"] == "Bearer abc"


async def test_the_name_of_the_certificate_may_be_another(
    config: Kubeconfig, authority: Authority
) -> None:
    async with FakeKubeApi(tls=authority.server("kubernetes.default")) as api:
        config.cluster["server"] = api.url
        with pytest.raises(Unreachable, match="TLS"):
            await major(config)

        config.cluster["tls-server-name"] = "kubernetes.default"
        assert await major(config) == "1"


async def test_an_insecure_cluster_is_not_checked(config: Kubeconfig, authority: Authority) -> None:
    async with FakeKubeApi(tls=authority.server("elsewhere.example")) as api:
        config.cluster = {"server": api.url, "insecure-skip-tls-verify": True}
        config.user = {"token": "abc"}

        assert await major(config) == "1"


async def test_plain_http_is_for_kubectl_proxy(config: Kubeconfig) -> None:
    async with FakeKubeApi() as api:
        config.cluster = {"server": api.url}

        assert await major(config) == "1"


def descriptors() -> set[str]:
    return {entry.name for entry in Path("/proc/self/fd").iterdir()}


def test_a_key_never_stands_in_a_file(
    config: Kubeconfig, authority: Authority, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    certificate, key = authority.client()
    config.user = {"client-certificate-data": data(certificate), "client-key-data": data(key)}
    path = config.write()
    before = descriptors()

    kubeconfig_connection(path)

    assert descriptors() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_token_is_not_shown(config: Kubeconfig) -> None:
    config.user = {"token": "s3cr3t"}

    assert "s3cr3t" not in repr(kubeconfig_connection(config.write()))


@pytest.mark.parametrize(
    ("user", "words"),
    [
        ({"exec": {"command": "kubelogin"}}, "by an exec plugin .exec., which is not supported"),
        ({"auth-provider": {"name": "oidc"}}, "by an auth provider"),
        ({"username": "admin", "password": "s3cr3t"}, "by a user name and password"),
        ({"as": "somebody"}, "by impersonation"),
        ({"client-certificate-data": data("x")}, "client-key is missing"),
        ({"client-key-data": data("x")}, "client-certificate is missing"),
        ({"client-certificate-data": "%%", "client-key-data": "%%"}, "is not base64 of PEM"),
        ({"client-certificate-data": data("x"), "client-key-data": data("s3cr3t")}, "not a PEM"),
        ({"client-certificate": "none.pem", "client-key": "none.pem"}, "can't be read: No such"),
        ({"tokenFile": "none"}, "token file .*none can't be read: No such"),
        ({"token": "s3cr3t\nx"}, "the token in the kubeconfig holds characters"),
        ({"token": 7}, "token must be text"),
    ],
)
def test_a_user_that_can_not_sign_in_is_told_why(
    config: Kubeconfig, user: dict[str, Any], words: str
) -> None:
    config.user = user

    with pytest.raises(NotConfigured, match=words) as caught:
        kubeconfig_connection(config.write())

    assert "s3cr3t" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_to_use_instead_of_a_plugin_is_said(config: Kubeconfig) -> None:
    config.user = {"exec": {"command": "kubelogin"}}

    with pytest.raises(
        NotConfigured, match="use a kubeconfig with a client certificate or a token"
    ):
        kubeconfig_connection(config.write())


@pytest.mark.parametrize(
    ("cluster", "words"),
    [
        ({}, "server must be like https://HOST:PORT"),
        ({"server": "10.0.0.1:6443"}, "server must be like"),
        ({"server": "https://10.0.0.1:0"}, "server must be like"),
        ({"server": "https://10.0.0.1:70000"}, "server must be like"),
        ({"server": "ftp://x"}, "server must be like"),
        ({"server": "https://u:s3cr3t@x"}, "must not hold a user name or password"),
        ({"server": "https://x", "proxy-url": "http://p"}, "proxy-url, which is not supported"),
        ({"server": "https://x", "certificate-authority": "none"}, "can't be read"),
        ({"server": "https://x", "certificate-authority-data": "%"}, "not base64 of PEM"),
        ({"server": "https://x", "certificate-authority-data": data("x")}, "not a PEM"),
        (
            {
                "server": "https://x",
                "certificate-authority-data": data("x"),
                "insecure-skip-tls-verify": True,
            },
            "exclude each other",
        ),
        ({"server": "https://x", "insecure-skip-tls-verify": "yes"}, "must be true or false"),
    ],
)
def test_a_cluster_that_can_not_be_reached_is_told_why(
    config: Kubeconfig, cluster: dict[str, Any], words: str
) -> None:
    config.cluster = cluster

    with pytest.raises(NotConfigured, match=words) as caught:
        kubeconfig_connection(config.write())

    assert "s3cr3t" not in str(caught.value)


def test_a_token_is_not_sent_in_the_clear(config: Kubeconfig) -> None:
    config.cluster, config.user = {"server": "http://x"}, {"token": "abc"}

    with pytest.raises(NotConfigured, match="only be sent to an https server"):
        kubeconfig_connection(config.write())


@pytest.mark.parametrize(
    ("top", "words"),
    [
        ({"current-context": ""}, "no current-context: choose one with kubectl config use-context"),
        ({"current-context": "y"}, "no context named 'y'"),
        ({"contexts": None}, "no context named 'x'"),
        (
            {"contexts": ["x", {"name": "x", "context": None}]},
            "its current context names no cluster",
        ),
        ({"clusters": []}, "no cluster named 'c'"),
        ({"users": [{"name": "v"}]}, "no user named 'u'"),
    ],
)
def test_what_is_missing_in_the_file_is_named(
    config: Kubeconfig, top: dict[str, Any], words: str
) -> None:
    config.top.update(top)

    with pytest.raises(NotConfigured, match=words):
        kubeconfig_connection(config.write())


def test_a_file_that_is_not_a_kubeconfig_is_named_and_not_quoted(tmp_path: Path) -> None:
    path = tmp_path / "config"
    with pytest.raises(NotConfigured, match=r"the kubeconfig, .*config, can't be read: No such"):
        kubeconfig_connection(path)
    path.write_text("token: [s3cr3t\n")
    with pytest.raises(NotConfigured, match=r"is not YAML \(line 2\)") as caught:
        kubeconfig_connection(path)
    assert "s3cr3t" not in str(caught.value)
    path.write_text("")
    with pytest.raises(NotConfigured, match="is empty or not a mapping"):
        kubeconfig_connection(path)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(NotConfigured, match="is not text"):
        kubeconfig_connection(path)
    with pytest.raises(NotConfigured, match="can't be read: Is a directory"):
        kubeconfig_connection(tmp_path)
