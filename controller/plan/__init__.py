"""What is to be done at one identity, decided from what is wanted and what is there. Pure."""

from controller.plan.outcomes import (
    Barred,
    HeldBy,
    Holds,
    Leaves,
    NameTaken,
    NoSlot,
    Outcome,
    PairTaken,
    Waits,
)
from controller.plan.plan import plan
from controller.plan.situation import Ruled, Situation, Standing, is_ours
from controller.plan.steps import Cause, Create, Delete, Plan, Step, Update

__all__ = [
    "Barred",
    "Cause",
    "Create",
    "Delete",
    "HeldBy",
    "Holds",
    "Leaves",
    "NameTaken",
    "NoSlot",
    "Outcome",
    "PairTaken",
    "Plan",
    "Ruled",
    "Situation",
    "Standing",
    "Step",
    "Update",
    "Waits",
    "is_ours",
    "plan",
]
