"""Asking an API server whether it is ready, as one of its clients."""

import http.client
import json
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from hack.cluster.errors import StartFailed


@dataclass(frozen=True, slots=True)
class AdminClient:
    """Just enough of a client to wait with: the kubernetes package takes a second to import."""

    url: str
    context: ssl.SSLContext

    @classmethod
    def of(cls, url: str, ca_file: Path, certificate: Path, key: Path) -> Self:
        """Sign in by a client certificate."""
        context = ssl.create_default_context(cafile=ca_file)
        context.load_cert_chain(certificate, key)
        return cls(url, context)

    def get(self, path: str) -> tuple[int, bytes] | None:
        """GET a path: status and body, or none if nobody answers."""
        address = urlsplit(self.url)
        connection = http.client.HTTPSConnection(
            address.hostname or "", address.port, timeout=5, context=self.context
        )
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()

    def get_json(self, path: str) -> dict[str, Any]:
        """GET a path that must be there."""
        answer = self.get(path)
        if answer is None or answer[0] != 200:
            raise StartFailed(f"{self.url}{path} answers {answer[0] if answer else 'nothing'}")
        found: dict[str, Any] = json.loads(answer[1])
        return found

    def answers(self, path: str) -> bool:
        """Whether a GET of the path answers 200."""
        answer = self.get(path)
        return answer is not None and answer[0] == 200


def wait_until(
    ready: Callable[[], bool],
    *,
    seconds: float,
    what: str,
    lost: Callable[[], str | None],
    tell: Callable[[str], None],
) -> None:
    """Wait until `ready()`; StartFailed after `seconds`, or at once when `lost()` says why."""
    end = time.monotonic() + seconds
    while not ready():
        if (why := lost()) is not None:
            raise StartFailed(f"{what} {why}")
        if time.monotonic() > end:
            raise StartFailed(f"{what} is not ready after {seconds:.0f} s")
        tell("")
        time.sleep(0.05)
