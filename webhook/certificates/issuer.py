"""Certificates made to order, in a child process of ours."""

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol

from webhook.certificates.errors import IssuingFailed

_ROOT: Final = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A certificate and its private key, both PEM; the key is in no representation."""

    certificate: bytes
    key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Order:
    """What to make. Times are seconds."""

    now: float
    authority_lifetime: float | None = None
    """None: no new CA."""
    serving_lifetime: float | None = None
    """None: no serving certificate."""
    names: tuple[str, ...] = ()
    signer: KeyPair | None = None
    """Who signs the serving certificate; None: the new CA."""


@dataclass(frozen=True, slots=True)
class Made:
    """What was made: just what was ordered."""

    authority: KeyPair | None = None
    serving: KeyPair | None = None


class Issuer(Protocol):
    """Makes certificates."""

    async def make(self, order: Order) -> Made:
        """Make what is ordered; raises `IssuingFailed`."""


class ChildIssuer:
    """Runs `webhook.certificates.issue` for each order: about 0.3 s, and a second at the worst."""

    def __init__(self, time_limit: float = 60.0) -> None:
        self._time_limit = time_limit
        """RSA on a node whose CPU quota (100m in the chart) is used up takes tens of seconds."""

    async def make(self, order: Order) -> Made:
        """Make what is ordered; raises `IssuingFailed`."""
        try:
            async with asyncio.timeout(self._time_limit):
                answer = await _run(_request(order))
        except TimeoutError:
            raise IssuingFailed(
                f"making a certificate took more than {self._time_limit:g} s"
            ) from None
        except OSError as error:
            raise IssuingFailed(f"the process that makes certificates: {error.strerror}") from error
        return _made(answer, order)


async def _run(request: bytes) -> bytes:
    """Run the child; it never outlives this call."""
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-P",
        "-m",
        "webhook.certificates.issue",
        stdin=PIPE,
        stdout=PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env=_environment(os.environ),
    )
    try:
        answer, _ = await child.communicate(request)
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    return answer


def _environment(ours: Mapping[str, str]) -> dict[str, str]:
    """Let the child find this very code and what it needs, wherever we did, and little else."""
    kept = {key: ours[key] for key in ("PATH", "LD_LIBRARY_PATH", "LANG") if key in ours}
    found = os.pathsep.join([str(_ROOT), *filter(None, sys.path)])
    return {**kept, "PYTHONPATH": found, "PYTHONDONTWRITEBYTECODE": "1"}


def _request(order: Order) -> bytes:
    request: dict[str, Any] = {"now": order.now}
    if order.authority_lifetime is not None:
        request["authority"] = {"lifetime": order.authority_lifetime}
    if order.serving_lifetime is not None:
        request["serving"] = {"lifetime": order.serving_lifetime, "names": list(order.names)}
        if order.signer is not None:
            request["serving"]["signer"] = {
                "certificate": order.signer.certificate.decode("ascii", "replace"),
                "key": order.signer.key.decode("ascii", "replace"),
            }
    return json.dumps(request).encode()


def _made(answer: bytes, order: Order) -> Made:
    try:
        told = json.loads(answer)
        if "error" in told:
            raise IssuingFailed(f"making a certificate failed ({told['error']})")
        return Made(
            authority=_pair(told["authority"]) if order.authority_lifetime is not None else None,
            serving=_pair(told["serving"]) if order.serving_lifetime is not None else None,
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        raise IssuingFailed("the process that makes certificates gave no answer") from None


def _pair(told: Mapping[str, str]) -> KeyPair:
    return KeyPair(told["certificate"].encode(), told["key"].encode())
