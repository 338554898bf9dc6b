"""A controller in a child of a test that gives up and forgets sooner; it decides as ever."""

from dataclasses import replace
from typing import Any
from unittest.mock import patch

from controller.config import tenant
from entra import recent
from entra.client import Settings


def set_up() -> None:
    """Two minutes of patience become seconds, and so do five of distrust in reads."""
    patch.object(recent, "WINDOW", 1.0).start()

    def settings(*arguments: Any, **named: Any) -> Settings:
        made = Settings(*arguments, **named)
        return replace(made, policy=replace(made.policy, attempts=2))

    patch.object(tenant, "EntraSettings", settings).start()
