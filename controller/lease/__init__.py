"""One leader at a time, by a Lease: who holds it writes, others stand by."""

from controller.lease.errors import NotLeading
from controller.lease.leadership import Leadership

__all__ = ["Leadership", "NotLeading"]
