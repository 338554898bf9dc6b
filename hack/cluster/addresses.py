"""Ports and addresses of this machine."""

import array
import contextlib
import fcntl
import ipaddress
import random
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

from hack.cluster.errors import NoHostAddress, StartFailed

_SIOCGIFCONF = 0x8912
_IFREQ = 40
_LOWEST = 20000


def free_port(address: str = "127.0.0.1") -> int:
    """Find a port nobody listens on now; who comes second on a collision tries another.

    Below the range that outgoing connections take theirs from: a restarted API server finds its
    port free again, however many clients knock meanwhile.
    """
    top = _first_outgoing_port()
    candidates = random.sample(range(_LOWEST, top), 50) if top - _LOWEST > 1000 else [0]
    for port in candidates:
        with socket.socket(_family(address)) as probe, contextlib.suppress(OSError):
            probe.bind((address, port))
            return int(probe.getsockname()[1])
    raise StartFailed(f"no free port on {address}")


def host_address(towards: str | None = None) -> str:
    """Find an IPv4 address of this machine that may stand in an EndpointSlice.

    The API server refuses loopback and link-local addresses there. `towards`: prefer the address
    that packets to this one leave from.
    """
    for address in (*_source_addresses(towards), *_interface_addresses()):
        if _fits_an_endpoint(address) and _can_listen(address):
            return address
    raise NoHostAddress(
        "this machine has no IPv4 address besides loopback, and an API server calls no loopback"
        " address of an EndpointSlice; as root: ip address add 10.99.0.1/32 dev lo; without root:"
        " unshare --user --map-root-user --net sh -c"
        " 'ip link set lo up; ip address add 10.99.0.1/32 dev lo; exec \"$@\"' sh COMMAND"
    )


def _source_addresses(towards: str | None) -> Iterator[str]:
    # Connecting a datagram socket sends nothing; it asks the kernel which address it would use.
    # 192.0.2.1, 203.0.113.1: documentation addresses (RFC 5737), so: the default route.
    for target in (towards, "203.0.113.1", "192.0.2.1"):
        if target is None:
            continue
        with (
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe,
            contextlib.suppress(OSError),
        ):
            probe.connect((target, 9))
            yield str(probe.getsockname()[0])


def _interface_addresses() -> Iterator[str]:
    """All IPv4 addresses of all interfaces: netdevice(7), SIOCGIFCONF, an array of ifreq."""
    entries = array.array("B", bytes(_IFREQ * 256))
    room, start = len(entries), entries.buffer_info()[0]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        answer = fcntl.ioctl(probe.fileno(), _SIOCGIFCONF, struct.pack("iL", room, start))
    used: int = struct.unpack("iL", answer)[0]
    for entry in range(0, used, _IFREQ):
        yield socket.inet_ntoa(entries[entry + 20 : entry + 24].tobytes())


def _fits_an_endpoint(address: str) -> bool:
    """Kubernetes' ValidateEndpointIP: no unspecified, loopback, link-local, multicast ones."""
    ip = ipaddress.ip_address(address)
    return not (ip.is_unspecified or ip.is_loopback or ip.is_link_local or ip.is_multicast)


def _can_listen(address: str) -> bool:
    with socket.socket(_family(address)) as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return False
    return True


def _family(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def _first_outgoing_port() -> int:
    try:
        return int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    except FileNotFoundError:
        return 0
