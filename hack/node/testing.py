"""For pytest: a node, or a skip that says why there is none.

`AZWI_REQUIRE_NODE=1` (CI sets it where a node can run) makes a failure of the skip.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import NoReturn

import pytest

from hack.cluster.errors import NoWay
from hack.cluster.progress import Progress, silent
from hack.node.errors import CannotRun
from hack.node.node import Node
from hack.node.running import node
from hack.node.wish import DEFAULT_NAME


@contextmanager
def node_or_skip(
    *,
    name: str = DEFAULT_NAME,
    progress: Progress = silent,
    environment: Mapping[str, str] | None = None,
) -> Iterator[Node]:
    """`node()`, but where the machine lacks something, the test is skipped.

    A node that could run and breaks fails the test, required or not.
    """
    with ExitStack() as stack:
        try:
            running = stack.enter_context(
                node(name=name, progress=progress, environment=environment)
            )
        except (CannotRun, NoWay) as error:
            skip_or_fail(str(error))
        yield running


def skip_or_fail(reason: str) -> NoReturn:
    """Skip for want of a node; fail where one is required."""
    if os.environ.get("AZWI_REQUIRE_NODE") == "1":
        pytest.fail(f"AZWI_REQUIRE_NODE=1, but {reason}", pytrace=False)
    pytest.skip(reason)
