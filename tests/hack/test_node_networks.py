"""Where a node gets its addresses: apart from every other node's, and from the machine's."""

from ipaddress import IPv4Network
from itertools import combinations

import pytest

from hack.cluster.errors import StartFailed
from hack.node.networks import Network, free, parse_routes

PLACES = [Network(place) for place in range(8)]

# `cat /proc/net/route` of a machine with eth0 and a node in place 0, on little-endian.
TABLE = """\
Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t0100A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0
eth0\t0000A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
azwi-node0\t0000600A\t0200D50A\t0003\t0\t0\t0\t0000FFFF\t0\t0\t0
azwi-node0\t0000D50A\t00000000\t0001\t0\t0\t0\tFCFFFFFF\t0\t0\t0
eth1\t0000630A\t00000000\t0000\t0\t0\t0\t0000FFFF\t0\t0\t0
"""


def test_no_two_places_share_an_address() -> None:
    ranges = [each for place in PLACES for each in (place.link, place.pods, place.services)]
    assert not any(one.overlaps(other) for one, other in combinations(ranges, 2))


def test_both_ends_of_the_link_are_on_it() -> None:
    first = Network(0)
    assert (first.host_address, first.node_address) == ("10.213.0.1", "10.213.0.2")
    assert all(len(place.interface) <= 15 for place in PLACES)


def test_the_first_place_is_taken_where_nothing_leads_to_it() -> None:
    assert free([IPv4Network("192.168.0.0/24")]).place == 0


@pytest.mark.parametrize("route", ["10.213.0.0/30", "10.96.7.0/24", "10.214.0.0/16"])
def test_the_next_where_a_route_leads_to_a_part_of_it(route: str) -> None:
    assert free([IPv4Network(route)]).place == 1


def test_with_no_place_left_it_says_what_to_do() -> None:
    with pytest.raises(StartFailed, match="routes lead to all 8 places already"):
        free([IPv4Network("10.0.0.0/8")])


def test_the_kernels_table_is_read_but_for_the_default_route_and_what_is_down() -> None:
    assert parse_routes(TABLE) == [
        IPv4Network("192.168.0.0/24"),
        IPv4Network("10.96.0.0/16"),
        IPv4Network("10.213.0.0/30"),
    ]
