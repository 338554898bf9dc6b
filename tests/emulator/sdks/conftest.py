"""What all tests with other people's SDKs need."""

import gc
import logging
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def _errors_let_go(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """An error of azure-core holds its answer's connection for as long as it is there.

    It is there until the collector comes, and while a log record of azure-identity shows it.
    """
    caplog.set_level(logging.ERROR, "azure.identity")
    yield
    gc.collect()
