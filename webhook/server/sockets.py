"""Taking the ports: all of them, before anything is served."""

import errno
import os
import socket
from dataclasses import dataclass

from webhook.config.settings import Address
from webhook.server.errors import CannotListen

_WORDS = {
    errno.EADDRINUSE: "the port is in use",
    errno.EADDRNOTAVAIL: "this machine has no such address",
    errno.EACCES: "no permission for that port",
}


@dataclass(frozen=True, slots=True)
class Bound:
    """Sockets that hold a port, and do not listen yet: who connects is refused until served."""

    sockets: tuple[socket.socket, ...]
    address: Address
    setting: str
    port: int
    """The one that was found when 0 was asked for."""

    def close(self) -> None:
        """Give the port back."""
        for held in self.sockets:
            held.close()


def bind(address: Address, setting: str) -> Bound:
    """Take an address; an empty host means every address of the machine, of both families.

    `setting` is the flag that the address comes from. Raises CannotListen.
    """
    sockets: list[socket.socket] = []
    port = address.port
    try:
        for family, host in _hosts(address.host, port):
            held = _bound_socket(family, host, port, dual=not address.host)
            sockets.append(held)
            port = held.getsockname()[1]
    except OSError as error:
        for held in sockets:
            held.close()
        raise CannotListen(str(address), setting, in_words(error)) from error
    return Bound(tuple(sockets), address, setting, port)


def in_words(error: OSError) -> str:
    """Say in a few words why a port could not be taken."""
    if isinstance(error, socket.gaierror):
        return "no such host"
    return _WORDS.get(error.errno or 0) or os.strerror(error.errno or 0).lower()


def _hosts(host: str, port: int) -> list[tuple[socket.AddressFamily, str]]:
    if not host:
        if _has_ipv6():
            return [(socket.AF_INET6, "::")]
        return [(socket.AF_INET, "0.0.0.0")]  # noqa: S104 - asked for by the empty host
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    return list(dict.fromkeys((family, str(where[0])) for family, _, _, _, where in found))


def _has_ipv6() -> bool:
    """Tell whether the machine speaks IPv6: a kernel may have been told not to."""
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as probe:
            probe.bind(("::", 0))
    except OSError:
        return False
    return True


def _bound_socket(
    family: socket.AddressFamily, host: str, port: int, *, dual: bool
) -> socket.socket:
    held = socket.socket(family, socket.SOCK_STREAM)
    try:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            held.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(not dual))
        held.bind((host, port))
        held.settimeout(0)
    except OSError:
        held.close()
        raise
    return held
