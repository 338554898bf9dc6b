"""What the cluster says, as far as the controller knows: fed by watches and by lists."""

from controller.store.accounts import AccountRecord, Accounts
from controller.store.objects import Objects, Record

__all__ = ["AccountRecord", "Accounts", "Objects", "Record"]
