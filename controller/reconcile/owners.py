"""Whose credential it is that is to go: its namespace answers for it. Pure."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from controller.grants import Question, Verb
from controller.journal import Retained
from controller.model import ClusterIdentity, Wish
from entra.model import FederatedCredential
from identity.credential_names import credential_name

_ACCOUNT: Final = re.compile(r"system:serviceaccount:([^:]+):([^:]+)")


@dataclass(frozen=True, slots=True)
class Owner:
    """Whom a credential lets in, or who had it written."""

    namespace: str
    account: str
    """Empty for a foreign issuer."""

    def question(self, client_id: str) -> Question:
        """Return what is to be asked to know whether it may stand at all."""
        verb = Verb.FEDERATE if self.account else Verb.FEDERATE_EXTERNAL
        return Question(self.namespace, self.account, verb, client_id)


def owner_of(
    credential: FederatedCredential,
    cluster: ClusterIdentity,
    wishes: Iterable[Wish],
    retained: Mapping[str, Retained],
) -> Owner | None:
    """Return it; None for another issuer's whose object is gone: its name is only a hash.

    By the subject, which nobody but the namespace's own objects can have had written; else by the
    object that has its name. Others that ask for the same are not asked who owns it: they may be
    anybody's.
    """
    if credential.issuer in (cluster.issuer, *cluster.predecessors):
        match = _ACCOUNT.fullmatch(credential.subject)
        return Owner(match[1], match[2]) if match else None
    for wish in wishes:
        if wish.pair == credential.pair and credential.name == credential_name(
            cluster.issuer, wish.key.namespace, wish.key.name, *wish.pair
        ):
            return Owner(wish.key.namespace, "")
    noted = retained.get(credential.name)
    return Owner(noted.namespace, noted.account) if noted else None
