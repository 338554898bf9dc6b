"""Client and tenant id of an identity named by resource id, written to its ServiceAccount.

The webhook gives pods what stands there. Only for identities that are granted: a client id would
tell who asks that the resource exists.
"""

import logging

from controller.kube import Kube, NotFound, paths
from controller.model import Key, Wish
from controller.store import AccountRecord, Accounts
from controller.store.accounts import account_record
from entra.model import Identity
from identity.names import CLIENT_ID, TENANT_ID

_log = logging.getLogger("azwi.controller.accounts")


async def write_back(kube: Kube, accounts: Accounts, wish: Wish, identity: Identity) -> None:
    """Write what is not there yet, if the ServiceAccount still asks for it. Raises `KubeError`."""
    key = Key(wish.key.namespace, wish.account)
    account = accounts.get(key)
    if account is None or account.uid != wish.owner or not _asks_for(account, wish.resource_id):
        return
    tenant = wish.tenant_id or identity.tenant_id.lower()
    if (account.client_id.lower(), account.tenant_id.lower()) == (identity.client_id, tenant):
        return
    annotations = {CLIENT_ID: identity.client_id, TENANT_ID: tenant}
    # As it was when it asked: people may write a client id of their own at the same moment.
    version = {"uid": account.uid, "resourceVersion": str(account.version)}
    patch = {"metadata": {**version, "annotations": annotations}}
    try:
        body = await kube.merge(paths.service_account(key.namespace, key.name), patch)
    except NotFound:
        accounts.drop(key, account.uid)
        return
    accounts.put(account_record(body))
    _log.info("client id written", extra={"account": str(key), "clientId": identity.client_id})


def _asks_for(account: AccountRecord, resource_id: str) -> bool:
    asked = (one.resource_id for one in account.federation.identities)
    return any(one and _folded(one) == _folded(resource_id) for one in asked)


def _folded(resource_id: str) -> str:
    return resource_id.rstrip("/").lower()
