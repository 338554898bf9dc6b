"""What must outlive the controller's process: identities, what is retained, issuers, brakes."""

from controller.journal.brakes import word_for
from controller.journal.entries import Retained
from controller.journal.errors import Full, IssuerChanged, JournalError, Unreadable
from controller.journal.issuers import TOKEN_LIFE, Issuers, Predecessor
from controller.journal.journal import ALLOW_REMOVALS, Journal, Options

__all__ = [
    "ALLOW_REMOVALS",
    "TOKEN_LIFE",
    "Full",
    "IssuerChanged",
    "Issuers",
    "Journal",
    "JournalError",
    "Options",
    "Predecessor",
    "Retained",
    "Unreadable",
    "word_for",
]
