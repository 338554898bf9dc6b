"""The example workload, as people run it, signing in to the emulator."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import ProxyHandler, build_opener

import pytest

from hack.cluster.addresses import free_port
from hack.cluster.readiness import wait_until
from tests.emulator.sdks.sign_in import APP, TENANT, VAULT, SignIn, signing_in
from tests.fakes.issuer import SUBJECT

CONSUMER = Path(__file__).parents[2] / "examples" / "consumer"


@pytest.fixture(scope="module")
def sign_in(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SignIn]:
    with signing_in(tmp_path_factory.mktemp("consumer")) as found:
        yield found


@pytest.fixture
def pod(sign_in: SignIn) -> dict[str, str]:
    """What the webhook gives to the pod, and the CA of the authority."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "AZURE_CLIENT_ID": APP,
        "AZURE_TENANT_ID": TENANT,
        "AZURE_AUTHORITY_HOST": f"{sign_in.authority}/",
        "AZURE_FEDERATED_TOKEN_FILE": str(sign_in.token_file("token")),
        "REQUESTS_CA_BUNDLE": sign_in.ca,
    }


def once(pod: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, CONSUMER, "--once", "--own-authority", *arguments],
        env=pod,
        capture_output=True,
        text=True,
        check=False,
    )


def test_it_tells_the_claims_of_both_tokens_and_ends(pod: dict[str, str]) -> None:
    done = once(pod)
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(done.stdout)
    assert (told["access"]["appid"], told["access"]["tid"]) == (APP, TENANT)
    assert told["access"]["aud"] == VAULT.removesuffix("/.default")
    assert told["projected"]["sub"] == SUBJECT


def test_a_refusal_is_told_with_its_reason_and_without_a_token(
    sign_in: SignIn, pod: dict[str, str]
) -> None:
    file = sign_in.token_file("stranger", sub="system:serviceaccount:team:stranger")
    done = once(pod | {"AZURE_FEDERATED_TOKEN_FILE": str(file)})
    assert done.returncode == 1
    told = json.loads(done.stdout)
    assert told["error"] == "refused"
    assert "AADSTS700213" in told["message"]
    assert file.read_text() not in done.stdout + done.stderr


def test_a_token_file_that_is_not_there_is_told(pod: dict[str, str]) -> None:
    done = once(pod | {"AZURE_FEDERATED_TOKEN_FILE": "/nowhere/token"})
    assert done.returncode == 1
    assert "/nowhere/token" in json.loads(done.stdout)["message"]


def test_the_server_reads_the_token_file_anew_when_asked(
    sign_in: SignIn, pod: dict[str, str], tmp_path: Path
) -> None:
    port = free_port("127.0.0.1")
    command = [sys.executable, str(CONSUMER), "--own-authority", f"--port={port}"]
    with (tmp_path / "log").open("wb") as log:
        server = subprocess.Popen(command, env=pod, stdout=log, stderr=log)
    try:
        wait_until(
            lambda: healthy(port),
            seconds=60,
            what="consumer",
            lost=lambda: None if server.poll() is None else (tmp_path / "log").read_text(),
            tell=lambda _: None,
        )
        first = claims(port, "/claims")
        sign_in.token_file("token", jti="the-next-one")
        assert claims(port, "/claims")["access"]["uti"] == first["access"]["uti"]  # cached
        fresh = claims(port, "/claims?fresh")
        assert fresh["access"]["uti"] != first["access"]["uti"]
        assert fresh["projected"]["jti"] == "the-next-one"
    finally:
        server.terminate()
        assert server.wait(30) == 0


def healthy(port: int) -> bool:
    try:
        return bool(claims(port, "/healthz"))
    except OSError:
        return False


def claims(port: int, path: str) -> Any:
    opener = build_opener(ProxyHandler({}))  # whatever proxies the machine has
    with opener.open(f"http://127.0.0.1:{port}{path}", timeout=60) as answer:
        return json.load(answer)
