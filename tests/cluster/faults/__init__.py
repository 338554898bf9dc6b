"""Faults under load: what may happen to the webhook while pods are created, and must not show."""
