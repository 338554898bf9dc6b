"""What people are told: conditions, statuses, Events. Told, never believed."""

from controller.status.conditions import Condition, Told, ready, status_of
from controller.status.errors import condition_from

__all__ = ["Condition", "Told", "condition_from", "ready", "status_of"]
