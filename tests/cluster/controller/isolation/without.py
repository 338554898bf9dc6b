"""The controller with one safeguard taken out, to show that the attacks of this folder would win.

Each function changes one thing, in a child of a test only; `fends_off` names it.
"""

import sys
from dataclasses import replace
from typing import Any, Final
from unittest.mock import patch

from controller import wishes
from controller.accounts import reconcile as accounts
from controller.accounts.plan import Remove, plan_objects
from controller.brakes import CLUSTER, Brakes, Removal
from controller.config.settings import Config
from controller.grants import Grants, Question, Verb, Verdict
from controller.grants import grants as asking
from controller.grants.model import Ruling
from controller.grants.review import review_of
from controller.journal import Journal
from controller.model import DeletionPolicy
from controller.names import FINALIZER
from controller.plan import Cause, Standing, situation
from controller.reconcile import IdentityReconciler, ResourceReconciler, judge, resources
from controller.reconcile.brakes_at import BrakesAt
from controller.reconcile.telling import Telling
from controller.status.conditions import Told
from controller.status.words import synced
from controller.store import Objects, objects
from identity import credential_names
from identity.faults import Faults

planning = sys.modules["controller.plan.plan"]  # the package has a function of that name
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
        issuer, account, subject = whose(spec, key, cluster, Faults())
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

    def review(question: Question) -> dict[str, Any]:
        body = review_of(question)
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
            await found.teller.tell(record.wish, told)

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


def sweep() -> None:
    """What no object wants any more stays."""
    stays = planning._Planning._stays_by_itself

    def stays_by_itself(run: Any, credential: Any) -> bool:
        cause, _ = run.claims.removal(credential)
        return cause is Cause.LEFT_OVER or stays(run, credential)

    patch.object(planning._Planning, "_stays_by_itself", stays_by_itself).start()


def memory_of_identities() -> None:
    """Identities that were written to are not remembered."""

    async def remember(journal: Journal, identity: Any) -> None:
        return None

    patch.object(Journal, "remember", remember).start()


def verb_for_retaining() -> None:
    """Whoever says so leaves a credential behind."""
    ask = Grants.check

    async def check(asked: Grants, question: Question) -> Ruling:
        return _YES if question.verb is Verb.RETAIN else await ask(asked, question)

    patch.object(Grants, "check", check).start()


def grants_of_what_was_retained() -> None:
    """What was retained once stays for good."""

    ask = IdentityReconciler._retained

    async def retained(work: IdentityReconciler, client_id: str) -> Any:
        standing = work.parts.journal.retained(client_id)
        kept = {name: one.namespace for name, one in standing.items()}
        return replace(await ask(work, client_id), kept=kept)

    patch.object(IdentityReconciler, "_retained", retained).start()


def grants_of_those_who_go() -> None:
    """What an object says about its end is believed without a grant."""
    going = judge.Judge._going

    async def granted(judging: Any, wish: Any, client_id: str) -> Any:
        one = await going(judging, wish, client_id)
        return replace(one, ruled=replace(one.ruled, standing=Standing.GRANTED))

    patch.object(judge.Judge, "_going", granted).start()


def holders_of_credentials() -> None:
    """An object that goes takes what it asked for with it, whoever else asks for the same."""

    def to_remove(run: Any, ruled: Any) -> Any:
        explicit = ruled.wish.policy is DeletionPolicy.DELETE
        return run.by_pair.get(ruled.wish.pair) if explicit else None

    grants_of_those_who_go()
    patch.object(planning._Planning, "_adopted_to_remove", to_remove).start()


def own_identity() -> None:
    """The controller's identity is one like any other."""
    patch.object(Config, "own_client_id", None).start()


def disbelief_in_status() -> None:
    """Who says in its status that it is authorized is."""
    believed: set[Any] = set()

    def wish_from(body: Any, cluster: Any) -> Any:
        wish = wishes.wish_from(body, cluster)
        for condition in body.get("status", {}).get("conditions", ()):
            if (condition["type"], condition["status"]) == ("Authorized", "True"):
                believed.add((wish.key.namespace, wish.account, wish.client_id))
        return wish

    ask = Grants.check

    async def check(asked: Grants, question: Question) -> Ruling:
        who = (question.namespace, question.account, question.client_id)
        return _YES if who in believed else await ask(asked, question)

    patch.object(objects, "wish_from", wish_from).start()
    patch.object(Grants, "check", check).start()


def grants_of_what_was_made() -> None:
    """An object that the controller seems to have made needs no grant, and is let stand."""
    one = judge.Judge._one

    async def trusting(judging: Any, wish: Any, client_id: str) -> Any:
        judged = await one(judging, wish, client_id)
        ruled = replace(judged.ruled, standing=Standing.GRANTED)
        return replace(judged, ruled=ruled) if wish.made_for and not wish.faults else judged

    async def may_create(judging: Any, wish: Any, client_id: str) -> bool:
        return bool(wish.made_for)

    def all_but_removals(*args: Any) -> Any:
        return [step for step in plan_objects(*args) if not isinstance(step, Remove)]

    patch.object(accounts, "plan_objects", all_but_removals).start()
    patch.object(judge.Judge, "_one", trusting).start()
    patch.object(judge.Judge, "may_create", may_create).start()


def share_of_a_namespace() -> None:
    """A namespace may have all slots."""
    made = IdentityReconciler._situation

    def situation_of(work: IdentityReconciler, *args: Any) -> Any:
        return replace(made(work, *args), per_namespace=20)

    patch.object(IdentityReconciler, "_situation", situation_of).start()


def grants_before_slots() -> None:
    """Slots are for whoever asks, oldest first; the grant is looked at before writing."""
    judging = judge.Judge.judge

    async def judged(one: Any, wishes: Any, client_id: str) -> Any:
        found = await judging(one, wishes, client_id)
        return [replace(j, ruled=replace(j.ruled, standing=Standing.GRANTED)) for j in found]

    patch.object(judge.Judge, "judge", judged).start()


def hash_in_names() -> None:
    """The name of a credential is made of what people can read, as long as it may be."""

    def name(cluster: str, namespace: str, name: str, issuer: str, subject: str) -> str:
        readable = credential_names._readable(f"{namespace}-{name}")
        return f"azwi-{credential_names.cluster_tag(cluster)}-{readable}-{'a' * 40}"

    patch.object(situation, "credential_name", name).start()


def grants_before_calls() -> None:
    """Entra is asked about whatever is named."""
    patch.object(
        IdentityReconciler, "_concerns_entra", lambda work, client_id, judged: True
    ).start()


def objects_that_cannot_go() -> None:
    """An object that somebody's finalizer keeps is as good as one that nobody has deleted."""

    def wish_from(body: Any, cluster: Any) -> Any:
        wish = wishes.wish_from(body, cluster)
        kept = set(body["metadata"].get("finalizers") or ()) - {FINALIZER}
        return replace(wish, deleting=wish.deleting and not kept)

    patch.object(objects, "wish_from", wish_from).start()


def denials_beyond_objects() -> None:
    """A first denial is forgotten with the object that asked."""
    drop = Objects.drop
    everybody: list[Grants] = []
    make = Grants.__init__

    def made(asked: Grants, *args: Any, **more: Any) -> None:
        make(asked, *args, **more)
        everybody.append(asked)

    def dropped(known: Objects, *args: Any) -> bool:
        for asked in everybody:
            asked._known.clear()
        return drop(known, *args)

    patch.object(Grants, "__init__", made).start()
    patch.object(Objects, "drop", dropped).start()


def count_of_a_namespace() -> None:
    """All removals of the cluster are on one count."""

    def to_pass(all_of_them: Brakes, removal: Removal, now: float) -> Any:
        yield CLUSTER, all_of_them._brakes[CLUSTER]

    patch.object(Brakes, "_to_pass", to_pass).start()


def grants_of_what_is_held() -> None:
    """What is held is held, whatever has been withdrawn since."""

    async def denied(brakes: BrakesAt, owner: Any) -> bool:
        return False

    patch.object(BrakesAt, "_is_denied", denied).start()
