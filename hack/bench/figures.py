"""Arithmetic of measurements. Pure."""

import math
import statistics
from collections.abc import Sequence


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the smallest value that `percent` of all values do not exceed (nearest rank)."""
    if not values:
        raise ValueError("no values")
    if not 0 < percent <= 100:
        raise ValueError(f"{percent} is no percentage above 0")
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def median(values: Sequence[float]) -> float:
    """Return the middle of the values."""
    return float(statistics.median(values))


def spread(values: Sequence[float]) -> float | None:
    """Return how far the values lie from their median at the most, as a share of it.

    None where there is nothing to tell: a single value, or a median of 0.
    """
    if len(values) < 2 or not (middle := median(values)):
        return None
    return max(abs(value - middle) for value in values) / middle


def cpu_per_item(before: float, after: float, items: int) -> float:
    """Return milliseconds of CPU for each item, from two readings of a clock in seconds."""
    if items <= 0:
        raise ValueError("nothing was done")
    return (after - before) * 1000 / items
