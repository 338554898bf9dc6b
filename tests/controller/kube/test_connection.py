"""From a kubeconfig, or a pod's files, to a connection; and to what kopf signs in with."""

import base64
import copy
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import kopf
import pytest
import yaml

from controller.kube import KopfLogin, Kube, NotConfigured, Unreachable, connection, kopf_login
from controller.kube.ways import in_cluster
from tests.controller.kube.server import Authority, serving

SERVICE = {"KUBERNETES_SERVICE_HOST": "10.96.0.1", "KUBERNETES_SERVICE_PORT": "443"}


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
    found.cluster["certificate-authority-data"] = data(authority.pem)
    return found


def data(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


async def reached(config: Kubeconfig) -> bool:
    """Ask by our own client, and as kopf does."""
    found = connection(config.write())
    async with Kube(found) as kube:
        ours = await kube.get("/version") == {}
    login = kopf_login(found)
    async with (
        aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ssl=login.as_ssl_context()),
            headers=login.as_http_headers(),
            trust_env=login.trust_env,
        ) as session,
        session.get(f"{login.server}/version") as answer,
    ):
        return ours and answer.status == 200


async def test_a_client_certificate_in_the_file(config: Kubeconfig, authority: Authority) -> None:
    certificate, key = authority.client()
    config.user = {"client-certificate-data": data(certificate), "client-key-data": data(key)}
    async with serving(authority.server(ask=True)) as server:
        config.cluster["server"] = server.url + "/"
        assert await reached(config)


async def test_files_are_found_from_the_folder_of_the_kubeconfig(
    config: Kubeconfig, authority: Authority, tmp_path: Path
) -> None:
    certificate, key = authority.client()
    (tmp_path / "pki").mkdir()
    for name, content in (
        ("ca.pem", authority.pem),
        ("c.pem", certificate),
        ("k.pem", key),
        ("token", "abc"),
    ):
        (tmp_path / "pki" / name).write_text(content)
    config.user = {
        "client-certificate": "pki/c.pem",
        "client-key": str(tmp_path / "pki" / "k.pem"),
        "tokenFile": "pki/token",
        "token": "not this one",
    }
    async with serving(authority.server(ask=True)) as server:
        config.cluster = {"server": server.url, "certificate-authority": "pki/ca.pem"}
        assert await reached(config)
        assert {asked.headers["authorization"] for asked in server.asked} == {"Bearer abc"}


async def test_the_name_of_the_certificate_may_be_another(
    config: Kubeconfig, authority: Authority
) -> None:
    async with serving(authority.server("kubernetes.default")) as server:
        config.cluster["server"] = server.url
        with pytest.raises(Unreachable, match="TLS"):
            await reached(config)
        config.cluster["tls-server-name"] = "kubernetes.default"
        assert await reached(config)
        config.cluster["tls-server-name"] = "kubernetes.other"
        with pytest.raises(Unreachable, match="TLS"):
            await reached(config)


async def test_an_insecure_cluster_is_not_checked(config: Kubeconfig, authority: Authority) -> None:
    async with serving(authority.server("elsewhere.example")) as server:
        config.cluster = {"server": server.url, "insecure-skip-tls-verify": True}
        config.user = {"token": "abc"}
        assert await reached(config)


async def test_plain_http_is_for_kubectl_proxy(config: Kubeconfig) -> None:
    async with serving(None) as server:
        config.cluster = {"server": server.url}
        assert await reached(config)


def test_a_key_never_stands_in_a_file(
    config: Kubeconfig, authority: Authority, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    certificate, key = authority.client()
    config.user = {"client-certificate-data": data(certificate), "client-key-data": data(key)}
    path = config.write()
    before = {entry.name for entry in Path("/proc/self/fd").iterdir()}

    kopf_login(connection(path)).as_ssl_context()

    assert {entry.name for entry in Path("/proc/self/fd").iterdir()} == before
    assert list(tmp_path.iterdir()) == [path]


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
        connection(config.write())
    assert "s3cr3t" not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("cluster", "words"),
    [
        ({}, "server must be like https://HOST:PORT"),
        ({"server": "127.0.0.1:6443"}, "server must be like"),
        ({"server": "https://x:99999"}, "server must be like"),
        ({"server": "https://x/?a=b"}, "server must be like"),
        ({"server": "https://me:s3cr3t@x"}, "must not hold a user name or password"),
        ({"server": "https://x", "proxy-url": "http://p"}, "proxy-url, which is not supported"),
        ({"server": "https://x", "certificate-authority-data": data("x")}, "not a PEM certificate"),
        ({"server": "https://x", "insecure-skip-tls-verify": "yes"}, "must be true or false"),
        (
            {
                "server": "https://x",
                "insecure-skip-tls-verify": True,
                "certificate-authority-data": data("x"),
            },
            "exclude each other",
        ),
    ],
)
def test_a_cluster_that_makes_no_sense_is_told(
    config: Kubeconfig, cluster: dict[str, Any], words: str
) -> None:
    config.cluster = cluster
    with pytest.raises(NotConfigured, match=words) as caught:
        connection(config.write())
    assert "s3cr3t" not in str(caught.value)


def test_a_token_is_not_sent_in_the_clear(config: Kubeconfig) -> None:
    config.cluster, config.user = {"server": "http://x"}, {"token": "abc"}
    with pytest.raises(NotConfigured, match="only be sent to an https server"):
        connection(config.write())


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "can't be read: No such file"),
        ("", "is empty or not a mapping"),
        ("[1]", "is empty or not a mapping"),
        ("users: [{token: s3cr3t", r"is not YAML \(line 1\)"),
        ("current-context: ''", "has no current-context"),
        ("current-context: x", "has no context named 'x'"),
        ("{current-context: x, contexts: [{name: x, context: {}}]}", "names no cluster"),
        (
            "{current-context: x, contexts: [{name: x, context: {cluster: c}}]}",
            "has no cluster named 'c'",
        ),
    ],
)
def test_a_kubeconfig_that_is_none_is_told(tmp_path: Path, content: str | None, words: str) -> None:
    path = tmp_path / "config"
    if content is not None:
        path.write_text(content)
    with pytest.raises(NotConfigured, match=words) as caught:
        connection(path)
    assert "s3cr3t" not in str(caught.value)


@pytest.fixture
def pod(tmp_path: Path, authority: Authority) -> Path:
    (tmp_path / "ca.crt").write_text(authority.pem)
    (tmp_path / "token").write_text("pods-own")
    return tmp_path


@pytest.mark.parametrize(
    ("environment", "server"),
    [
        (SERVICE, "https://10.96.0.1:443"),
        ({**SERVICE, "KUBERNETES_SERVICE_HOST": "fd00::1"}, "https://[fd00::1]:443"),
        ({}, "https://kubernetes.default.svc"),
    ],
)
def test_a_pod_connects_with_its_own_files(
    pod: Path, environment: dict[str, str], server: str
) -> None:
    found = in_cluster(environment, pod)
    assert found.server == server
    assert found.headers() == {"Authorization": "Bearer pods-own"}
    assert "pods-own" not in repr(found)
    assert found.ssl_context is not None
    assert found.ssl_context.verify_mode is ssl.CERT_REQUIRED
    assert len(found.ssl_context.get_ca_certs()) == 1


def test_outside_of_a_pod_what_to_do_is_told(tmp_path: Path) -> None:
    with pytest.raises(NotConfigured, match=r"not in a cluster.*give --kubeconfig=FILE"):
        in_cluster({}, tmp_path / "none")


def test_kopf_comes_back_for_a_token_in_a_file(pod: Path) -> None:
    found = in_cluster(SERVICE, pod)
    now = datetime(2026, 1, 1, tzinfo=UTC)
    login = kopf_login(found, now)
    assert isinstance(login, kopf.ConnectionInfo)
    assert login.as_http_headers() == {"Authorization": "Bearer pods-own"}
    assert login.expiration == now + timedelta(minutes=10)
    assert login.as_ssl_context() is found.ssl_context
    assert login.trust_env is False


def test_every_login_is_another_one_to_kopf(config: Kubeconfig) -> None:
    """It takes none that equals one that was refused, and would watch nothing from then on."""
    config.user = {"token": "abc"}
    found = connection(config.write())
    now = datetime(2026, 1, 1, tzinfo=UTC)
    assert kopf_login(found, now) != kopf_login(found, now)


def test_kopf_does_not_come_back_without_a_pause(pod: Path) -> None:
    times = iter([100.0, 101.0, 105.0])
    login = KopfLogin(in_cluster(SERVICE, pod), lambda: next(times))
    assert login().token == "pods-own"
    with pytest.raises(kopf.TemporaryError, match="refused the last login") as caught:
        login()
    assert caught.value.delay == 4.0
    (pod / "token").write_text("renewed")
    assert login().token == "renewed", "the other one has ended, or was refused"


def test_kopf_keeps_a_login_that_does_not_end(config: Kubeconfig) -> None:
    config.user = {"token": "abc"}
    login = kopf_login(connection(config.write()))
    assert (login.token, login.expiration) == ("abc", None)
