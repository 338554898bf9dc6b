"""A second mutating webhook, of somebody else's: it adds a container to every pod it is sent."""

import base64
import json
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from hack.webhook import Certificate

CONTAINER = {"name": "added-by-a-bystander", "image": "registry.example/mesh:1"}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "_Server"

    def do_POST(self) -> None:
        review = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        pod = review["request"]["object"]
        names = [container["name"] for container in pod["spec"]["containers"]]
        response: dict[str, Any] = {"uid": review["request"]["uid"], "allowed": True}
        self.server.passes.append(names)
        if CONTAINER["name"] not in names:
            patch = [{"op": "add", "path": "/spec/containers/-", "value": CONTAINER}]
            if not pod["metadata"].get("name"):
                patch.append(
                    {"op": "add", "path": "/metadata/name", "value": "named-by-a-bystander"}
                )
            response["patchType"] = "JSONPatch"
            response["patch"] = base64.b64encode(json.dumps(patch).encode()).decode()
        answer = json.dumps({**review, "request": None, "response": response}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *args: Any) -> None:
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, certificate: Certificate, host: str) -> None:
        super().__init__((host, 0), _Handler)
        self.passes: list[list[str]] = []
        self.connections: list[socket.socket] = []
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(certificate.folder / "tls.crt", certificate.folder / "tls.key")
        self.socket = tls.wrap_socket(self.socket, server_side=True)

    def process_request(self, request: Any, client_address: Any) -> None:
        self.connections.append(request)
        super().process_request(request, client_address)

    def end_connections(self) -> None:
        """Let the threads of those that an API server keeps for later come to their end."""
        for connection in self.connections:
            with suppress(OSError):  # it is over already
                connection.shutdown(socket.SHUT_RDWR)


@contextmanager
def bystander(certificate: Certificate, host: str) -> Iterator[tuple[int, list[list[str]]]]:
    """Serve on an address; yields the port, and the containers' names of each pass as it comes."""
    server = _Server(certificate, host)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_address[1], server.passes
    finally:
        server.shutdown()
        server.end_connections()
        server.server_close()
        thread.join()
