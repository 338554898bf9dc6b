"""Being a guest on a cluster: what is made there is deleted again, what is there is left alone."""

from contextlib import ExitStack
from typing import Any

from hack.cluster import Cluster
from hack.demo.api import Api
from hack.demo.errors import DemoFailed
from hack.demo.interruptions import Interruptions

Object = dict[str, Any]

_DELETED_SECONDS = 90.0


class Guest:
    """Makes objects that have no namespace. A cluster of our own is thrown away whole instead."""

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
        if self._lent:
            self._made.callback(self._delete, wanted)
        self._api.apply(wanted)

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


def _command(one: Object) -> str:
    return f"kubectl delete {one['kind'].lower()} {one['metadata']['name']}"
