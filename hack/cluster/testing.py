"""For pytest: a cluster, or a skip that says why there is none.

`AZWI_REQUIRE_CLUSTER=1` (CI sets it) makes a failure of the skip.
"""

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext
from typing import NoReturn

import pytest

from hack.cluster.cluster import Cluster
from hack.cluster.errors import NotOurs, NoWay
from hack.cluster.local import local_cluster
from hack.cluster.progress import Progress, Step, printed, silent


@contextmanager
def cluster_or_skip(
    *,
    controller_manager: bool = False,
    aggregator_routing: bool = False,
    extra_apiserver_args: tuple[str, ...] = (),
    progress: Progress = silent,
    environment: Mapping[str, str] | None = None,
) -> Iterator[Cluster]:
    """`local_cluster()`, but with no way to one, or none with these settings, the test is skipped.

    A cluster that could be had and breaks fails the test, required or not.
    """
    with ExitStack() as stack:
        try:
            cluster = stack.enter_context(
                local_cluster(
                    controller_manager=controller_manager,
                    aggregator_routing=aggregator_routing,
                    extra_apiserver_args=extra_apiserver_args,
                    progress=progress,
                    environment=environment,
                )
            )
        except (NoWay, NotOurs) as error:
            skip_or_fail(str(error))
        yield cluster


def shown(config: pytest.Config) -> Progress:
    """Show, past pytest's capturing, the steps that take longer than 5 s: mostly building."""
    capturing = config.pluginmanager.getplugin("capturemanager")
    show = printed(sys.__stderr__)

    def progress(step: Step) -> None:
        if step.seconds >= 5:
            with capturing.global_and_fixture_disabled() if capturing else nullcontext():
                show(step)

    return progress


def skip_or_fail(reason: str) -> NoReturn:
    """Skip for want of a cluster; fail where one is required."""
    if os.environ.get("AZWI_REQUIRE_CLUSTER") == "1":
        pytest.fail(f"AZWI_REQUIRE_CLUSTER=1, but {reason}", pytrace=False)
    pytest.skip(reason)
