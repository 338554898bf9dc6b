"""What a change of ClusterRoles and their bindings means: whose grants are asked for anew.

Nothing is decided here. RBAC itself is asked afterwards, and at each resync anyway: this only makes
that sooner.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from controller.model import Wish
from controller.names import GROUP

Concerned = Callable[[Wish], bool]

_GROUPS: Final = "system:serviceaccounts"
_USERS: Final = "system:serviceaccount"
_ALL: Final = "system:authenticated"


class GrantNotices:
    """Hears of roles and bindings; what was listed at the start is only remembered."""

    def __init__(self, forget: Callable[[], None], changed: Callable[[Concerned], None]) -> None:
        self._forget = forget
        self._changed = changed
        self._roles: set[str] = set()
        """Names of ClusterRoles that say anything of our API group."""
        self._bound: dict[str, frozenset[str]] = {}
        """Whom each binding names, as `system:serviceaccount:<ns>:<name>` or a group."""

    def told(self, kind: str, body: Mapping[str, Any]) -> None:
        """Take one event of a watch."""
        name = str(body["metadata"]["name"])
        if "roleRef" in body:
            self._binding(kind, name, body)
        else:
            self._role(kind, name, body)

    def _role(self, kind: str, name: str, body: Mapping[str, Any]) -> None:
        ours = any(
            {GROUP, "*"} & set(rule.get("apiGroups") or ()) for rule in body.get("rules") or ()
        )
        concerns = ours or name in self._roles
        if ours and kind != "DELETED":
            self._roles.add(name)
        else:
            self._roles.discard(name)
        if kind and concerns:
            self._tell(lambda _: True)

    def _binding(self, kind: str, name: str, body: Mapping[str, Any]) -> None:
        before = self._bound.pop(name, frozenset())
        now = frozenset(filter(None, map(_named, body.get("subjects") or ())))
        if kind != "DELETED" and now:
            self._bound[name] = now
        # What stayed may be bound to another role: a binding made anew.
        names = before | now
        if kind and names:
            self._tell(lambda wish: bool(_names_of(wish) & names))

    def _tell(self, concerned: Concerned) -> None:
        self._forget()
        self._changed(concerned)


def _named(subject: Mapping[str, Any]) -> str:
    name = str(subject.get("name", ""))
    if subject.get("kind") == "ServiceAccount":
        return f"{_USERS}:{subject.get('namespace', '')}:{name}"
    ours = name == _ALL or name.startswith((f"{_USERS}:", _GROUPS))
    return name if ours else ""


def _names_of(wish: Wish) -> set[str]:
    namespace = wish.key.namespace
    groups = {_GROUPS, f"{_GROUPS}:{namespace}", _ALL}
    return groups | {f"{_USERS}:{namespace}:{wish.account}"}
