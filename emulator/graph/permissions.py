"""What a caller's application permissions allow. Pure.

Source: https://learn.microsoft.com/graph/permissions-reference#application-permissions
"""

from typing import Final

from emulator.bearer import Caller
from emulator.directory import Application

ALL: Final = "Application.ReadWrite.All"
OWNED: Final = "Application.ReadWrite.OwnedBy"
READERS: Final = frozenset({"Application.Read.All", ALL, OWNED, "Directory.Read.All"})


def may_read(caller: Caller) -> bool:
    """Tell whether a caller may see applications and service principals."""
    return not caller.roles.isdisjoint(READERS)


def may_write(caller: Caller) -> bool:
    """Tell whether a caller may change any application at all."""
    return not caller.roles.isdisjoint({ALL, OWNED})


def may_change(caller: Caller, application: Application) -> bool:
    """Tell whether a caller may change an application.

    One without owners may be changed by everybody with the permission for owned ones.
    """
    if ALL in caller.roles:
        return True
    owners = {owner.lower() for owner in application.owners}
    return OWNED in caller.roles and (not owners or caller.client_id in owners)
