"""Every version of an object, not only those that somebody happened to look at."""

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from hack.cluster import Cluster
from tests.chart.helm import Json
from tests.cluster.api import api_of


@contextmanager
def every_version(cluster: Cluster, collection: str, name: str) -> Iterator[list[Json]]:
    """Watch an object from what it is now; the list grows until the block ends.

    A deletion stands there as the object's last version, with `deleted` in its metadata.
    """
    seen: list[Json] = []
    stop = threading.Event()

    def watch() -> None:
        with api_of(cluster) as api:
            field = {"fieldSelector": f"metadata.name={name}"}
            found = api.get(collection, **field)
            seen.extend(found["items"])
            version = found["metadata"]["resourceVersion"]
            while not stop.is_set():
                asked = {"watch": 1, "timeoutSeconds": 1, "resourceVersion": version, **field}
                with api.http.stream("GET", collection, params=asked) as answer:
                    for line in answer.iter_lines():
                        event = json.loads(line)
                        assert event["type"] in {"ADDED", "MODIFIED", "DELETED"}, event
                        version = event["object"]["metadata"]["resourceVersion"]
                        if event["type"] == "DELETED":
                            event["object"]["metadata"]["deleted"] = True
                        seen.append(event["object"])

    with ThreadPoolExecutor(1, "versions") as pool:
        work = pool.submit(watch)
        try:
            yield seen
        finally:
            stop.set()
        work.result()
