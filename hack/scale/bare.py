"""A bare kopf operator, for comparison: sees ServiceAccounts and does nothing.

    python -m hack.scale.bare KUBECONFIG

It prints how many it has seen, a line a second, once that is more than before.
"""

import asyncio
import sys
from pathlib import Path
from typing import Any

import kopf

from controller.kube import connection, kopf_login

_PAUSE = 1.0


async def _operate(kubeconfig: str) -> None:
    registry = kopf.OperatorRegistry()
    way = connection(Path(kubeconfig))
    seen: set[str] = set()

    def login(**_: Any) -> kopf.ConnectionInfo:
        return kopf_login(way)

    def event(uid: str, **_: Any) -> None:
        seen.add(uid)

    kopf.on.login(registry=registry)(login)
    kopf.on.event("", "v1", "serviceaccounts", registry=registry)(event)
    settings = kopf.OperatorSettings()
    settings.posting.enabled = False
    settings.scanning.disabled = True
    settings.networking.trust_env = False
    async with asyncio.TaskGroup() as group:
        group.create_task(_tell(seen))
        await kopf.operator(registry=registry, settings=settings, standalone=True, clusterwide=True)


async def _tell(seen: set[str]) -> None:
    told = 0
    while True:
        await asyncio.sleep(_PAUSE)
        if len(seen) != told:
            told = len(seen)
            print(told, flush=True)


if __name__ == "__main__":
    asyncio.run(_operate(sys.argv[1]))
