"""A world, a namespace of people who are granted things, and one of somebody who is not."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from hack.cluster import Cluster
from tests.cluster.api import Json, a_namespace, api_of
from tests.cluster.controller.faults.shop import Shop
from tests.cluster.controller.faults.world import a_world
from tests.cluster.controller.installed import allowed, apply, documents, remove, until
from tests.cluster.controller.isolation.rogue import Rogue
from tests.cluster.controller.isolation.stage import Stage
from tests.gateway.nursery import nursery

_RBAC = "rbac.authorization.k8s.io"


@pytest.fixture(scope="package")
def _stage(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("isolation")
    logs = folder / "logs"
    logs.mkdir()
    with ExitStack() as stack:
        parent = stack.enter_context(nursery("controller.__main__", logs))
        world = stack.enter_context(a_world(cluster, parent, folder))
        namespace = stack.enter_context(a_namespace(world.api, "rogue"))
        # A name that, written together with an object's, can be that of the rogue's and another's.
        beside = f"{namespace}-b"
        world.api.post("/api/v1/namespaces", {"metadata": {"name": beside}})
        stack.callback(world.api.delete, f"/api/v1/namespaces/{beside}")
        user = f"mallory-of-{namespace}"
        own = stack.enter_context(api_of(cluster, cluster.kubeconfig_for(user)))
        rogue = Rogue(own, Shop(world.api, namespace))
        stage = Stage(world, rogue, Shop(world.api, beside))
        for body in _rights(namespace, user):
            apply(world.api, body)
        controllers = world.user.rsplit(":", 1)[1]
        for body in documents(
            "controller-role-resource-ids.yaml", namespace=world.namespace, name=controllers
        ):
            apply(world.api, body)
            stack.callback(remove, world.api, body)
        until(
            lambda: (
                allowed(world.api, user, "bind", "roles", namespace=namespace)
                and allowed(world.api, world.user, "patch", "serviceaccounts")
            ),
            "everybody's rights hold",
        )
        try:
            yield stage
        finally:
            world.stop_all()
            stage.clear()


@pytest.fixture
def stage(_stage: Stage) -> Iterator[Stage]:
    """An empty one."""
    yield _stage
    _stage.fresh()


def _rights(namespace: str, user: str) -> list[Json]:
    """An admin of a namespace, with all that can be had in it: status, finalizers, `escalate`."""
    everything = {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}
    role = {
        "apiVersion": f"{_RBAC}/v1",
        "kind": "Role",
        "metadata": {"name": "everything", "namespace": namespace},
        "rules": [everything],
    }
    bindings = [
        {
            "apiVersion": f"{_RBAC}/v1",
            "kind": "RoleBinding",
            "metadata": {"name": name, "namespace": namespace},
            "roleRef": {"apiGroup": _RBAC, "kind": kind, "name": name},
            "subjects": [{"kind": "User", "apiGroup": _RBAC, "name": user}],
        }
        for kind, name in (("ClusterRole", "admin"), ("Role", "everything"))
    ]
    return [role, *bindings]
