from pathlib import Path

import pytest
import trustme

from tests.fakes.kube_api import Answer, FakeKubeApi
from tests.webhook.kube.tls import Authority
from webhook.kube import (
    VERSION,
    KubeClient,
    NotConfigured,
    Unauthorized,
    Unreachable,
    in_cluster_connection,
)


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority(trustme.CA())


@pytest.fixture
def root(tmp_path: Path, authority: Authority) -> Path:
    root = tmp_path / "serviceaccount"
    root.mkdir()
    (root / "ca.crt").write_text(authority.ca_pem)
    (root / "token").write_text("first")
    return root


async def test_a_pod_reaches_its_api_server(authority: Authority, root: Path) -> None:
    async with FakeKubeApi(tls=authority.server()) as api:
        connection = in_cluster_connection("127.0.0.1", str(api.port), root)
        async with KubeClient(connection) as client:
            assert (await client.get(VERSION))["major"] == "1"

        assert api.requests[0].headers["authorization"] == "Bearer first"
        assert api.requests[0].headers["user-agent"].startswith("azwi-webhook/")


async def test_a_token_that_was_refused_is_read_again_and_sent_once_more(
    authority: Authority, root: Path
) -> None:
    async with FakeKubeApi(tls=authority.server()) as api:
        connection = in_cluster_connection("127.0.0.1", str(api.port), root)
        (root / "token").write_text("second")
        api.fail(Answer(401))
        async with KubeClient(connection) as client:
            assert (await client.get(VERSION))["major"] == "1"

        sent = [seen.headers["authorization"] for seen in api.requests]
        assert sent == ["Bearer first", "Bearer second"]


async def test_a_refusal_of_the_newest_token_is_an_error(authority: Authority, root: Path) -> None:
    async with FakeKubeApi(tls=authority.server()) as api:
        connection = in_cluster_connection("127.0.0.1", str(api.port), root)
        api.fail(Answer(401), times=None)
        async with KubeClient(connection) as client:
            with pytest.raises(Unauthorized):
                await client.get(VERSION)

        assert len(api.requests) == 1


async def test_a_server_of_another_authority_gets_no_token(root: Path) -> None:
    other = Authority(trustme.CA())
    async with FakeKubeApi(tls=other.server()) as api:
        connection = in_cluster_connection("127.0.0.1", str(api.port), root)
        async with KubeClient(connection) as client:
            with pytest.raises(Unreachable, match="TLS with https://127"):
                await client.get(VERSION)

        assert api.requests == []


def test_an_ipv6_address_is_put_in_brackets(root: Path) -> None:
    assert in_cluster_connection("fd00::1", "443", root).base_url == "https://[fd00::1]:443"
    assert in_cluster_connection("[fd00::1]", "443", root).base_url == "https://[fd00::1]:443"
    assert in_cluster_connection("10.0.0.1", "443", root).base_url == "https://10.0.0.1:443"


def test_nothing_secret_shows_in_a_repr(root: Path) -> None:
    connection = in_cluster_connection("10.0.0.1", "443", root)

    assert "first" not in repr(connection) + repr(KubeClient(connection))


@pytest.mark.parametrize(("host", "port"), [(None, None), ("", "443"), ("10.0.0.1", "")])
def test_outside_of_a_cluster_a_kubeconfig_is_asked_for(
    root: Path, host: str | None, port: str | None
) -> None:
    with pytest.raises(NotConfigured, match=r"not in a cluster .*give --kubeconfig=FILE"):
        in_cluster_connection(host, port, root)


def test_what_is_missing_in_the_pod_is_named(root: Path) -> None:
    with pytest.raises(NotConfigured, match="must be a number, not '4x3'"):
        in_cluster_connection("10.0.0.1", "4x3", root)
    with pytest.raises(NotConfigured, match="automountServiceAccountToken"):
        in_cluster_connection("10.0.0.1", "443", root / "none")
    (root / "token").unlink()
    with pytest.raises(NotConfigured, match=r"token file .* can't be read"):
        in_cluster_connection("10.0.0.1", "443", root)
    (root / "ca.crt").write_text("rubbish")
    with pytest.raises(NotConfigured, match="not a PEM certificate"):
        in_cluster_connection("10.0.0.1", "443", root)
    (root / "ca.crt").unlink()
    with pytest.raises(NotConfigured, match=r"the cluster's CA, .*ca\.crt, can't be read"):
        in_cluster_connection("10.0.0.1", "443", root)
