"""The addresses of a node: a link to this machine, a range of pods, a range of Services.

Several nodes run side by side, each in a place of its own: the first whose ranges lead nowhere yet
on this machine. The chosen one is taken as soon as its routes stand.
"""

import ipaddress
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Network
from pathlib import Path

from hack.cluster.errors import StartFailed

_PLACES = 8
_UP = 0x1


@dataclass(frozen=True, slots=True)
class Network:
    """The addresses of one node."""

    place: int
    """0 to 7."""

    @property
    def link(self) -> IPv4Network:
        """Between this machine and the node."""
        return ipaddress.IPv4Network(f"10.213.{self.place}.0/30")

    @property
    def host_address(self) -> str:
        """This machine, as the node and its pods see it."""
        return str(self.link[1])

    @property
    def node_address(self) -> str:
        """The node, as this machine sees it."""
        return str(self.link[2])

    @property
    def pods(self) -> IPv4Network:
        """Where pods get their addresses from."""
        return ipaddress.IPv4Network(f"10.{214 + self.place}.0.0/16")

    @property
    def services(self) -> IPv4Network:
        """Where Services get their addresses from."""
        return ipaddress.IPv4Network(f"10.{96 + self.place}.0.0/16")

    @property
    def interface(self) -> str:
        """The link's end on this machine; 15 characters at most."""
        return f"azwi-node{self.place}"


def free(routes: Iterable[IPv4Network]) -> Network:
    """Choose the first place that no route of the machine leads to."""
    known = list(routes)
    for place in range(_PLACES):
        network = Network(place)
        ranges = (network.link, network.pods, network.services)
        if not any(mine.overlaps(other) for mine in ranges for other in known):
            return network
    raise StartFailed(
        f"no addresses are free for a node: routes lead to all {_PLACES} places already"
        " (10.96-103.0.0/16, 10.213.0-7.0/30, 10.214-221.0.0/16); end a node (down) or look at"
        " `ip route`"
    )


def routes_of_machine() -> list[IPv4Network]:
    """List where routes of this machine lead, without the default route."""
    return parse_routes(Path("/proc/net/route").read_text())


def parse_routes(table: str) -> list[IPv4Network]:
    """Parse /proc/net/route: addresses are hexadecimal, in the byte order of the machine."""
    found = []
    for line in table.splitlines()[1:]:
        _, destination, _, flags, _, _, _, mask, *_ = line.split()
        prefix = int(mask, 16).bit_count()
        if int(flags, 16) & _UP and prefix:
            address = ipaddress.IPv4Address(struct.pack("=I", int(destination, 16)))
            found.append(IPv4Network((address, prefix), strict=False))
    return found
