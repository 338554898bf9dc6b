"""What the cluster's ServiceAccounts say about their identities, kept current in memory."""

from webhook.accounts.cache import STALE_SECONDS, AccountCache
from webhook.accounts.errors import AccountError, AccountNotFound, AccountUnreadable
from webhook.accounts.pacing import Pace

__all__ = [
    "STALE_SECONDS",
    "AccountCache",
    "AccountError",
    "AccountNotFound",
    "AccountUnreadable",
    "Pace",
]
