"""HTTPS gateways in front of an API server and the emulator: every call is seen, and can go wrong.

with gateways() as gates:
    gate = gates.to(Upstream.of_kubeconfig(path))
    rule = gate.drop_after("POST", r"/serviceaccounts$", nth=2)
    ...
    rule.wait_met()
"""

from tests.gateway.calls import Call, Fate, Ledger
from tests.gateway.gateway import Gateway, Gateways, gateways
from tests.gateway.kubeconfig import write_kubeconfig
from tests.gateway.rules import DROP, After, Answer, Before, Hold, Rule
from tests.gateway.upstream import Upstream

__all__ = [
    "DROP",
    "After",
    "Answer",
    "Before",
    "Call",
    "Fate",
    "Gateway",
    "Gateways",
    "Hold",
    "Ledger",
    "Rule",
    "Upstream",
    "gateways",
    "write_kubeconfig",
]
