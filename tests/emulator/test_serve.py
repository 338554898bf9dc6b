"""The process: it tells where it serves, serves both ports, and ends as it is asked to."""

import json
import os
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from hack.emulator import Emulator, running
from tests.emulator.conftest import Json

ROOT = Path(__file__).parents[2]
TENANT = "5f1c9d1e-9f3b-4a53-8d0c-2f6d0c1b7a42"
SEED: Json = {"tenants": [{"id": TENANT}]}
DISCOVERY = f"/{TENANT}/v2.0/.well-known/openid-configuration"


@contextmanager
def started(folder: Path, *flags: str) -> Iterator[tuple[subprocess.Popen[str], Json]]:
    """Start it as people do; yields the process and what it told on standard output."""
    process = subprocess.Popen(
        command(folder, *flags),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, process.communicate()[1]
        yield process, json.loads(line)
    finally:
        process.kill()
        process.communicate()


def command(folder: Path, *flags: str) -> list[str]:
    ports = ["--port=0", "--imds-port=0"]
    return [sys.executable, "-m", "emulator", *ports, f"--state={folder}", *flags]


def refused(folder: Path, *flags: str) -> tuple[int, str]:
    done = subprocess.run(
        command(folder, *flags), capture_output=True, text=True, cwd=ROOT, check=False, timeout=60
    )
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    return done.returncode, done.stderr


def trusting(told: Json) -> httpx.Client:
    context = ssl.create_default_context(cafile=told["ca"])
    return httpx.Client(base_url=told["authority"], verify=context, trust_env=False)


def test_one_line_of_json_tells_where_it_serves(tmp_path: Path) -> None:
    with started(tmp_path / "state") as (process, told):
        origin = told["authority"]
        assert told == {
            "authority": origin,
            "graph": origin,
            "arm": origin,
            "imds": told["imds"],
            "admin": f"{origin}/_admin",
            "ca": str(tmp_path / "state" / "ca.crt"),
        }
        assert origin.startswith("https://127.0.0.1:")
        with trusting(told) as client:
            assert client.get("/_admin/health").status_code == 200
        imds = httpx.get(told["imds"] + "/metadata/identity/oauth2/token", trust_env=False)
        assert imds.status_code == 400
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
        assert process.stdout is not None
        assert process.stdout.read() == ""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_by_a_signal_with_connections_open(tmp_path: Path, number: signal.Signals) -> None:
    with started(tmp_path) as (process, told), trusting(told) as client:
        client.get("/_admin/health")
        process.send_signal(number)
        assert process.wait(30) == 0


def test_its_ca_stays_so_that_callers_need_not_be_told_again(tmp_path: Path) -> None:
    emulator = Emulator(tmp_path, SEED)
    with running(emulator):
        trust = emulator.tls()
    with running(emulator), httpx.Client(verify=trust, trust_env=False) as client:
        answer = client.get(emulator.addresses.authority + DISCOVERY)
    assert answer.json()["issuer"] == f"{emulator.addresses.authority}/{TENANT}/v2.0"


def test_further_names_are_in_the_certificate(tmp_path: Path) -> None:
    with started(tmp_path, "--tls-name", "emulator.test", "--tls-name", "10.1.2.3") as (_, told):
        context = ssl.create_default_context(cafile=told["ca"])
        port = httpx.URL(told["authority"]).port
        for name in ("emulator.test", "10.1.2.3", "localhost", "127.0.0.1"):
            with (
                socket.create_connection(("127.0.0.1", port)) as plain,
                context.wrap_socket(plain, server_hostname=name) as connection,
            ):
                assert connection.version() == "TLSv1.3"


def test_another_address_for_callers_is_told_everywhere(tmp_path: Path) -> None:
    url = "https://entra.test:9443"
    with started(tmp_path, "--public-url", url, "--log-level=debug") as (_, told):
        assert (told["authority"], told["graph"], told["admin"]) == (url, url, f"{url}/_admin")


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


@pytest.mark.skipif(not has_ipv6(), reason="no IPv6 here")
def test_it_serves_ipv6(tmp_path: Path) -> None:
    with started(tmp_path, "--host", "::1") as (_, told):
        assert told["authority"].startswith("https://[::1]:")
        with trusting(told) as client:
            assert client.get("/_admin/health").status_code == 200


@pytest.mark.parametrize("flag", ["--port", "--imds-port"])
def test_a_port_that_is_taken_is_told(tmp_path: Path, flag: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, said = refused(tmp_path, f"{flag}={port}")
    assert code == 1
    assert said.endswith(
        f"azwi-emulator: {flag}: 127.0.0.1:{port} can't be listened on: Address already in use;"
        " choose another, or 0 for a free one\n"
    )


def test_a_state_folder_of_somebody_else_is_told(tmp_path: Path) -> None:
    (tmp_path / "ca.key").write_text("nonsense")
    code, said = refused(tmp_path)
    assert code == 1
    assert "a key or certificate in" in said
    assert "remove the folder" in said


def test_nobody_needs_to_read_what_it_tells(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    process = subprocess.Popen(
        command(tmp_path, "--log-level=info"),
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    os.close(writing)
    try:
        assert process.stderr is not None
        lines = iter(process.stderr.readline, "")
        assert any("nobody reads the addresses" in line for line in lines)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.communicate()


def test_a_connection_serves_many_requests(tmp_path: Path) -> None:
    with running(Emulator(tmp_path, SEED)) as emulator, emulator.client() as client:
        statuses = {client.get(DISCOVERY).status_code for _ in range(50)}
        connections = {
            stream.get_extra_info("client_addr")
            for stream in (client.get(DISCOVERY).extensions["network_stream"] for _ in range(5))
        }
    assert statuses == {200}
    assert len(connections) == 1
