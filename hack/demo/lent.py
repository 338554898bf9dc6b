"""Being a guest on a cluster: what is made there is deleted again, what is there is left alone."""

from collections.abc import Iterable
from contextlib import ExitStack
from typing import Any

from hack.cluster import Cluster
from hack.demo.api import Api
from hack.demo.errors import ApiRefused, DemoFailed
from hack.demo.interruptions import Interruptions

Object = dict[str, Any]

_DELETED_SECONDS = 90.0


class Guest:
    """Makes objects, and deletes them again. A cluster of our own is thrown away whole instead."""

    def __init__(
        self,
        api: Api,
        cluster: Cluster,
        made: ExitStack,
        interruptions: Interruptions,
        leftovers: list[str],
    ) -> None:
        self._api = api
        self._leftovers = leftovers
        self._lent = not cluster.ours
        self._made = made
        self._interruptions = interruptions

    def refuse_what_is_there(self, *wanted: Object) -> None:
        """Raise DemoFailed if one of these is there: nobody's things are changed or deleted."""
        there = [one for one in wanted if self._lent and self._api.find(one)]
        if there:
            raise DemoFailed(
                f"expected a cluster without {', '.join(map(_named, there))}, found"
                f" {'them' if len(there) > 1 else 'it'}: another demo runs there, or one was"
                " killed. If nobody needs what is in there:"
                + "".join(f"\n    {_command(one)}" for one in there)
            )

    def make(self, wanted: Object) -> None:
        """Apply an object, and delete it when `made` is closed."""
        if self._lent and "namespace" not in wanted["metadata"]:
            self._made.callback(self._delete, wanted)  # others go with their namespace
        self._api.apply(wanted)

    def share(self, wanted: Object) -> None:
        """Make an object, or use the one that is there if it says the same.

        Raises DemoFailed if it says something else: it is somebody's.
        """
        there = self._api.find(wanted) if self._lent else None
        if there is None:
            self.make(wanted)
        elif not self._says(wanted, there):
            raise DemoFailed(
                f"expected no {_named(wanted)}, or one as in this checkout, found another:"
                " somebody uses it. If nobody needs it and all its objects:"
                f"\n    {_command(wanted)}"
            )

    def set_free_at_the_end(self, path: str) -> None:
        """Delete what is left of a collection at the end, with finalizers that nobody acts on."""
        if self._lent:
            self._made.callback(self._set_free, path)

    def refuse_others(self, found: Iterable[Object], what: str) -> None:
        """Raise DemoFailed if there are such things: the controller would look after them, too."""
        others = [_place(one) for one in found if self._lent]
        if others:
            more = ", ..." if len(others) > 3 else ""
            raise DemoFailed(
                f"expected a cluster without {what}, found {', '.join(others[:3])}{more}:"
                " the controller of the demo would look after them, too"
            )

    def _says(self, wanted: Object, there: Object) -> bool:
        """Tell whether an object would stay as it is: asked of the API server, which knows."""
        try:
            would_be = self._api.apply(wanted, dry_run=True)
        except ApiRefused as error:
            if error.status == 409:  # a field that somebody else set to another value
                return False
            raise
        return bool(would_be["spec"] == there["spec"])

    def _set_free(self, path: str) -> None:
        try:
            for one in self._api.get(path)["items"]:
                self._api.merge(one, {"metadata": {"finalizers": None}})
                self._api.delete(one)
        except DemoFailed as error:
            self._leftovers.append(f"{error}")

    def _delete(self, there: Object) -> None:
        """Delete an object and wait for its end, unless somebody waits for ours."""
        hurried = self._interruptions
        try:
            self._api.delete(there)
            gone = self._api.await_end(there, _DELETED_SECONDS, given_up=lambda: hurried.asked)
        except DemoFailed as error:
            self._leftovers.append(f"{error}\n    {_command(there)}")
            return
        if not gone and not hurried.asked:
            self._leftovers.append(f"{_named(there)} is being deleted, but is still there")


def _named(one: Object) -> str:
    return f"{one['kind']} {one['metadata']['name']}"


def _place(one: Object) -> str:
    return f"{one['metadata']['namespace']}/{one['metadata']['name']}"


def _command(one: Object) -> str:
    return f"kubectl delete {one['kind'].lower()} {one['metadata']['name']}"
