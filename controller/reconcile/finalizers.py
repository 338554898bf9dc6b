"""Our finalizer: on before anything is written for an object, off when all of it is gone."""

from controller.kube import Changed, Invalid, Kube, NotFound, Object, paths
from controller.model import ClusterIdentity, Wish
from controller.names import FINALIZER
from controller.store import Objects
from controller.store.objects import record_from

_TRIES = 5


async def put_on(kube: Kube, objects: Objects, wish: Wish, cluster: ClusterIdentity) -> bool:
    """Put it on; False if nothing may be written for it.

    It is gone, or going, or asks for something else by now. Raises `KubeError`.
    """
    return await _change(kube, objects, wish, cluster, wanted=True)


async def take_off(kube: Kube, objects: Objects, wish: Wish, cluster: ClusterIdentity) -> None:
    """Take it off: the object may go. Raises `KubeError`."""
    await _change(kube, objects, wish, cluster, wanted=False)


async def _change(
    kube: Kube, objects: Objects, wish: Wish, cluster: ClusterIdentity, *, wanted: bool
) -> bool:
    path = paths.fic(wish.key.namespace, wish.key.name)
    for attempt in range(_TRIES):
        try:
            body = await kube.get(path)
            metadata: Object = body["metadata"]
            if metadata["uid"] != wish.uid:
                break
            finalizers = list(metadata.get("finalizers") or ())
            if wanted and _is_another_wish(metadata, wish):
                objects.put(record_from(body, cluster))
                return False
            if (FINALIZER in finalizers) == wanted:
                objects.put(record_from(body, cluster))
                return True
            left = [*finalizers, FINALIZER] if wanted else [f for f in finalizers if f != FINALIZER]
            patch = {
                "metadata": {"finalizers": left, "resourceVersion": metadata["resourceVersion"]}
            }
            written = await kube.merge(path, patch)
        except NotFound:
            break
        except (Changed, Invalid):
            # Somebody else wrote in between, or it began to go.
            if attempt == _TRIES - 1:
                raise
            continue
        if not wanted and not left:
            objects.drop(wish.key, wish.uid)
        else:
            objects.put(record_from(written, cluster))
        return True
    objects.drop(wish.key, wish.uid)
    return False


def _is_another_wish(metadata: Object, wish: Wish) -> bool:
    return "deletionTimestamp" in metadata or int(metadata["generation"]) != wish.generation
