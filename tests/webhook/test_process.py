"""The process as a person starts it: what it says and how it ends when it can't."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import trustme

TENANT = {"AZURE_TENANT_ID": "a-tenant"}
SERVICE = "azure-wi-webhook-webhook-service.azure-workload-identity-system.svc"


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return started("-m", "webhook", *arguments, **environment)


def started(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    inherited = {
        key: value for key, value in os.environ.items() if not key.startswith(("AZURE_", "KUBERNE"))
    }
    return subprocess.run(
        [sys.executable, *arguments],
        env=inherited | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def complaints(ended: subprocess.CompletedProcess[str]) -> list[str]:
    """Lines for people, as against the log's."""
    return [line for line in ended.stderr.splitlines() if not line.startswith("{")]


@pytest.fixture
def certificates(tmp_path: Path) -> Path:
    certificate = trustme.CA().issue_cert(SERVICE)
    (tmp_path / "tls.crt").write_bytes(certificate.cert_chain_pems[0].bytes())
    (tmp_path / "tls.key").write_bytes(certificate.private_key_pem.bytes())
    return tmp_path


@pytest.fixture
def kubeconfig(tmp_path: Path) -> Path:
    """One that leads nowhere: nothing listens on port 1."""
    return kubeconfig_for("https://127.0.0.1:1", "{token: secret-token}", tmp_path)


def kubeconfig_for(server: str, user: str, folder: Path) -> Path:
    path = folder / "kubeconfig"
    path.write_text(
        f"""
        apiVersion: v1
        kind: Config
        clusters:
        - {{name: a, cluster: {{server: "{server}", insecure-skip-tls-verify: true}}}}
        users: [{{name: a, user: {user}}}]
        contexts: [{{name: a, context: {{cluster: a, user: a}}}}]
        current-context: a
        """
    )
    return path


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket(socket.AF_INET6) as taken:
        taken.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        taken.bind(("::", 0))
        taken.listen()
        yield int(taken.getsockname()[1])


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def test_the_version_is_one_line() -> None:
    ended = run("--version")
    assert (ended.returncode, ended.stdout.count("\n"), ended.stderr) == (0, 1, "")


@pytest.mark.parametrize("asked", ["--help", "-help", "-h"])
def test_help_lists_the_flags(asked: str) -> None:
    ended = run(asked)
    assert ended.returncode == 0
    assert "--webhook-cert-dir" in ended.stdout


def test_a_wrong_configuration_tells_all_of_its_faults_and_ends_with_2() -> None:
    ended = run("--port=x", "--nope", AZURE_ENVIRONMENT="moon")
    assert ended.returncode == 2
    assert [line.split(":")[1].strip() for line in complaints(ended)] == [
        "--nope",
        "AZURE_TENANT_ID",
        "AZURE_ENVIRONMENT",
        "--port",
    ]


def test_outside_of_a_cluster_a_kubeconfig_is_asked_for() -> None:
    ended = run(**TENANT)
    assert ended.returncode == 1
    (line,) = complaints(ended)
    assert "--kubeconfig" in line


def test_a_kubeconfig_that_is_not_there_is_named() -> None:
    ended = run("--kubeconfig=/not/there", **TENANT)
    assert ended.returncode == 1
    (line,) = complaints(ended)
    assert "/not/there" in line


def test_an_unreadable_certificate_is_one_line(kubeconfig: Path, tmp_path: Path) -> None:
    ended = run(
        f"--kubeconfig={kubeconfig}",
        "--disable-cert-rotation",
        f"--webhook-cert-dir={tmp_path / 'none'}",
        **TENANT,
    )
    assert ended.returncode == 1
    (line,) = complaints(ended)
    assert "tls.crt" in line
    assert str(tmp_path / "none") in line


@pytest.mark.parametrize("flag", ["--port", "--health-addr", "--metrics-addr"])
def test_a_port_in_use_is_one_line(
    flag: str, taken_port: int, kubeconfig: Path, certificates: Path
) -> None:
    ports = {"--port": "0", "--health-addr": "127.0.0.1:0", "--metrics-addr": "127.0.0.1:0"}
    ports[flag] = str(taken_port) if flag == "--port" else f":{taken_port}"
    ended = run(
        f"--kubeconfig={kubeconfig}",
        "--disable-cert-rotation",
        f"--webhook-cert-dir={certificates}",
        *(f"{name}={value}" for name, value in ports.items()),
        **TENANT,
    )
    assert ended.returncode == 1
    (line,) = complaints(ended)
    assert flag in line
    assert str(taken_port) in line
    assert "in use" in line


def test_a_port_taken_before_it_is_served_is_one_line(certificates: Path, tmp_path: Path) -> None:
    """Two processes may hold a port as long as neither listens; the second one to do so loses."""
    with socket.socket(socket.AF_INET6) as other:
        other.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("::", 0))

        class ApiServer(BaseHTTPRequestHandler):
            """Whoever asks for the release holds its ports already."""

            def do_GET(self) -> None:
                other.listen()
                answer = b'{"gitVersion": "v1.36.0"}'
                self.send_response(200 if self.path == "/version" else 503)
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        with serving(ApiServer) as url:
            ended = run(
                f"--kubeconfig={kubeconfig_for(url, '{}', tmp_path)}",
                f"--port={other.getsockname()[1]}",
                *("--health-addr=127.0.0.1:0", "--metrics-addr=0", "--disable-cert-rotation"),
                f"--webhook-cert-dir={certificates}",
                **TENANT,
            )
    assert ended.returncode == 1
    (line,) = complaints(ended)
    assert "--port" in line
    assert "in use" in line


def test_an_unexpected_error_is_told_without_its_message(kubeconfig: Path) -> None:
    program = f"""
import sys
from webhook import __main__ as process

async def broken(*_):
    raise KeyError("from a pod")

process.run = broken
sys.exit(process.main(["--kubeconfig={kubeconfig}"], {TENANT}))
"""
    ended = started("-c", program)
    assert ended.returncode == 1
    assert complaints(ended) == []
    told = json.loads(ended.stderr.splitlines()[-1])
    assert (told["level"], told["exception"]) == ("critical", "KeyError")
    assert "from a pod" not in ended.stderr


def test_without_an_api_server_it_waits_and_ends_when_asked(
    kubeconfig: Path, certificates: Path
) -> None:
    with subprocess.Popen(
        [
            *(sys.executable, "-m", "webhook", f"--kubeconfig={kubeconfig}", "--port=0"),
            *("--health-addr=127.0.0.1:0", "--metrics-addr=0", "--disable-cert-rotation"),
            f"--webhook-cert-dir={certificates}",
        ],
        env=os.environ | TENANT,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        told = []
        for line in process.stderr:
            told.append(line)
            if "release is not known yet" in line:
                process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 0
    assert "secret-token" not in "".join(told)
