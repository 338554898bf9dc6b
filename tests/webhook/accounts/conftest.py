"""The same loops, server and client as the tests of the client have."""

from tests.webhook.kube.conftest import api, client, pytest_asyncio_loop_factories

__all__ = ["api", "client", "pytest_asyncio_loop_factories"]
