"""The API server as an issuer whose keys change, and whose documents are not for everybody.

On a cluster of its own: the API server is restarted, and what all clusters allow is taken away.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import jwt
import pytest

from hack.cluster.control_plane import ControlPlane
from hack.cluster.testing import cluster_or_skip, shown
from hack.emulator import Emulator, running
from tests.cluster.api import Api, a_namespace, api_of
from tests.cluster.exchange import (
    BINDINGS,
    DISCOVERY,
    Issuer,
    exchanged,
    make_accounts,
    may_read_the_issuer,
    outcome,
    reader_token,
    token_for,
)

pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module")
def cluster(pytestconfig: pytest.Config) -> Iterator[ControlPlane]:
    with cluster_or_skip(progress=shown(pytestconfig)) as found:
        if not isinstance(found, ControlPlane):
            pytest.skip(f"keys are changed in a control plane of our own only, not by {found.way}")
        yield found


@pytest.fixture
def issuer(cluster: ControlPlane) -> Iterator[Issuer]:
    with api_of(cluster) as api, a_namespace(api, "issuer") as namespace:
        make_accounts(api, namespace)
        name = api.get("/.well-known/openid-configuration")["issuer"]
        yield Issuer(name, cluster, namespace)


@contextmanager
def emulator_of(issuer: Issuer, api: Api, folder: Path) -> Iterator[Emulator]:
    (folder / "reader.token").write_text(reader_token(api, issuer.namespace))
    with running(Emulator(folder, issuer.seed())) as found:
        yield found


def kid(token: str) -> str:
    return str(jwt.get_unverified_header(token)["kid"])


def published(api: Api) -> set[str]:
    return {str(key["kid"]) for key in api.get("/openid/v1/jwks")["keys"]}


def test_a_rotation_of_the_signing_key_is_survived(
    cluster: ControlPlane, issuer: Issuer, tmp_path: Path
) -> None:
    with api_of(cluster) as api, emulator_of(issuer, api, tmp_path) as emulator:
        old = token_for(api, issuer.namespace)
        assert outcome(exchanged(emulator, old)) == 0

        cluster.stop_api_server()
        assert outcome(exchanged(emulator, old)) == 0  # by the keys that are known
        cluster.rotate_signing_key()
        cluster.start_api_server()
        new = token_for(api, issuer.namespace)
        assert published(api) == {kid(old), kid(new)}
        assert kid(old) != kid(new)
        for token in (new, old):
            answer = exchanged(emulator, token)
            assert outcome(answer) == 0, answer

        cluster.withdraw_old_signing_keys()
        cluster.restart_api_server()
        assert published(api) == {kid(new)}
        (tmp_path / "reader.token").write_text(reader_token(api, issuer.namespace))
        emulator.admin("POST", "/reset")  # else it takes up to five minutes until keys are read
        assert outcome(exchanged(emulator, new)) == 0
        answer = exchanged(emulator, old)
        assert outcome(answer) == 7000272, answer


def test_an_issuer_that_nobody_may_read_is_told(
    cluster: ControlPlane, issuer: Issuer, tmp_path: Path
) -> None:
    with api_of(cluster) as api:
        api.delete(f"{BINDINGS}/{DISCOVERY}")  # lets every ServiceAccount, in a new cluster
        with emulator_of(issuer, api, tmp_path) as emulator:
            token = token_for(api, issuer.namespace)
            answer = exchanged(emulator, token)
            assert outcome(answer) == 90061, answer
            assert "answers with status 403" in answer["error_description"]
            with may_read_the_issuer(api, issuer.namespace):
                emulator.admin("POST", "/reset")
                answer = exchanged(emulator, token)
                assert outcome(answer) == 0, answer
            emulator.admin("POST", "/reset")
            answer = exchanged(emulator, token)
            assert outcome(answer) == 90061, answer
