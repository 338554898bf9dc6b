"""The controller with one safeguard taken out, to show that the attacks of this folder would win.

Each function changes one thing, in a child of a test only; `fends_off` names it.
"""

from dataclasses import replace
from typing import Any, Final
from unittest.mock import patch

from controller import wishes
from controller.grants import Grants, Question, Verb, Verdict
from controller.grants import grants as asking
from controller.grants.model import Ruling
from controller.reconcile import ResourceReconciler, judge, resources
from controller.reconcile.telling import Telling
from controller.status.conditions import Told
from controller.status.words import synced

_YES: Final = Ruling(Verdict.GRANTED)


def grants() -> None:
    """Whatever is asked for is granted."""

    async def check(asked: Grants, question: Question) -> Ruling:
        return _YES

    patch.object(Grants, "check", check).start()


def namespace_of_accounts() -> None:
    """A ServiceAccount of the same name has the grant, in whatever namespace."""
    ask = Grants.check
    known: set[str] = set()

    async def check(asked: Grants, question: Question) -> Ruling:
        known.add(question.namespace)
        rulings = [await ask(asked, replace(question, namespace=one)) for one in known]
        granted = [ruling for ruling in rulings if ruling.verdict is Verdict.GRANTED]
        return granted[0] if granted else await ask(asked, question)

    patch.object(Grants, "check", check).start()


def namespace_of_subjects() -> None:
    """A subject may name a ServiceAccount of any namespace."""
    whose = wishes._whose

    def as_written(spec: Any, key: Any, cluster: Any, faults: Any) -> Any:
        issuer, account, subject = whose(spec, key, cluster, wishes.Faults())
        if issuer == cluster.issuer and spec.get("subject"):
            return issuer, spec["subject"].rpartition(":")[2], spec["subject"]
        return issuer, account, subject

    patch.object(wishes, "_whose", as_written).start()


def this_clusters_issuer() -> None:
    """The cluster's own issuer is one like any other."""
    patch.object(wishes, "is_this_clusters", lambda issuer, cluster: False).start()


def spellings_of_the_issuer() -> None:
    """Only the exact spelling of the cluster's issuer is the cluster's."""
    patch.object(wishes, "mean_the_same", lambda one, other: one == other).start()


def cluster_scope() -> None:
    """Grants are asked for in the namespace."""
    made = asking.review_of

    def review(question: Question) -> dict[str, Any]:
        body = made(question)
        body["spec"]["resourceAttributes"]["namespace"] = question.namespace
        return body

    patch.object(asking, "review_of", review).start()


def verb_for_other_issuers() -> None:
    """Who may federate may have anybody's tokens trusted."""
    asked = judge.question_for

    def question_for(wish: Any, client_id: str, verb: Verb | None = None) -> Question:
        question = asked(wish, client_id, verb)
        external = question.verb is Verb.FEDERATE_EXTERNAL
        return replace(question, verb=Verb.FEDERATE) if external else question

    patch.object(judge, "question_for", question_for).start()


def words_for_unknown() -> None:
    """Of what is not there it is said that it is not there, by the name that is looked up."""

    async def tell_all(found: ResourceReconciler, folded: str, authorized: Any) -> None:
        for record in found.objects.of_resource(folded):
            told = Told(authorized(folded), resources.NOT_AUTHORIZED)
            await found.teller.tell(record.key, told)

    patch.object(ResourceReconciler, "_tell_all", tell_all).start()


def words_for_not_granted() -> None:
    """Who names a resource id that is not granted is told the rule to ask for, as others are."""
    authorized = judge._authorized

    def told(wish: Any, question: Question, ruling: Ruling) -> Any:
        return authorized(replace(wish, resource_id=""), question, ruling)

    patch.object(judge, "_authorized", told).start()


def silence_without_a_grant() -> None:
    """What became of a wish is told to everybody."""
    patch.object(Telling, "_synced", lambda telling, one, outcome: synced(outcome)).start()
