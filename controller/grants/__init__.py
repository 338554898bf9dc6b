"""Who may do what with an identity: cluster-scoped SubjectAccessReviews, and what rests on them."""

from controller.grants.grants import Grants
from controller.grants.model import Question, Ruling, Verb, Verdict
from controller.grants.words import manifest_for, rule_for

__all__ = ["Grants", "Question", "Ruling", "Verb", "Verdict", "manifest_for", "rule_for"]
