"""A world of its own for the sentences of the design."""

from collections.abc import Iterator

import pytest

from hack.cluster import Cluster
from tests.cluster.controller.design.scene import Scene
from tests.cluster.controller.faults.world import World, a_world
from tests.cluster.controller.installed import allowed, apply, documents, remove, until
from tests.gateway.nursery import nursery


@pytest.fixture(scope="package")
def _world(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("design")
    logs = folder / "logs"
    logs.mkdir()
    with (
        nursery("controller.__main__", logs) as parent,
        a_world(cluster, parent, folder) as made,
        _may_resolve_resource_ids(made),
    ):
        yield made


class _may_resolve_resource_ids:  # noqa: N801 - a context manager
    """Let the world's controller write client ids to ServiceAccounts."""

    def __init__(self, world: World) -> None:
        name = world.user.rsplit(":", 1)[1]
        self._world = world
        self._bodies = documents(
            "controller-role-resource-ids.yaml", namespace=world.namespace, name=name
        )

    def __enter__(self) -> None:
        for body in self._bodies:
            apply(self._world.api, body)
        until(
            lambda: allowed(self._world.api, self._world.user, "patch", "serviceaccounts"),
            "the controller may patch ServiceAccounts",
        )

    def __exit__(self, *_: object) -> None:
        for body in self._bodies:
            remove(self._world.api, body)


@pytest.fixture
def scene(_world: World) -> Iterator[Scene]:
    """An empty world."""
    _world.fresh()
    yield Scene(_world)
    _world.fresh()
