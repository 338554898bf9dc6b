"""The ServiceAccounts that say anything about an identity."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from controller.model import Key
from controller.store.kept import Store, version_of
from identity.federation import Federation, federation_from
from identity.names import CLIENT_ID, PREFIX, TENANT_ID


@dataclass(frozen=True, slots=True)
class AccountRecord:
    """One ServiceAccount with an annotation of ours."""

    key: Key
    uid: str
    version: int
    federation: Federation
    client_id: str = ""
    """As it stands in the annotation: what the webhook gives to pods."""
    tenant_id: str = ""

    @property
    def silent(self) -> bool:
        """Whether it says nothing at all to us."""
        return self.federation is _SILENT or self.federation == _SILENT


def account_record(body: Mapping[str, Any]) -> AccountRecord:
    """Read a ServiceAccount. One that is being deleted says nothing any more."""
    metadata = body["metadata"]
    annotations: Mapping[str, str] = metadata.get("annotations") or {}
    going = "deletionTimestamp" in metadata
    ours = {key: text for key, text in annotations.items() if key.startswith(PREFIX) and not going}
    return AccountRecord(
        Key(metadata["namespace"], metadata["name"]),
        str(metadata["uid"]),
        version_of(metadata),
        federation_from(ours) if ours else _SILENT,
        ours.get(CLIENT_ID, ""),
        ours.get(TENANT_ID, ""),
    )


_SILENT: Final = federation_from({})


class Accounts(Store[AccountRecord]):
    """Those that say something, or did; `noticed` hears of every one that changed.

    Silent ones that were never known are not kept: most of a cluster's are.
    """

    def __init__(self, noticed: Callable[[Key], None]) -> None:
        super().__init__(self._tell)
        self._noticed = noticed

    def put(self, told: AccountRecord) -> bool:
        """See `Store`."""
        if told.silent and self.get(told.key) is None:
            return False
        return super().put(told)

    def _tell(self, before: AccountRecord | None, after: AccountRecord | None) -> None:
        changed = before is None or after is None or replace(before, version=after.version) != after
        record = after or before
        if changed and record is not None:
            self._noticed(record.key)
