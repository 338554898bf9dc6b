"""The rotation as a pure state machine: from what is observed to the one next step.

A CA is replaced make before break, so that at every moment every API server trusts what any ready
replica serves:

    ca.crt      ca.key  tls.crt by
    [A]         A       A           A is due
    [A, B]      A       A           announce: B's key waits in next-ca.key; caBundle follows
    [B, A]      B       B           switch: B has stood in caBundle for `trust_delay`
    [B]         B       B           retire: every replica serves under B

Who does it: any replica. Each write is made under the resourceVersion that the plan was made from,
so that of several replicas one wins and the others plan anew from what it wrote.

Why no replica undoes another: `caBundle` is only ever made equal to `ca.crt`, from a Secret read
after the configuration that is written over. A replica that was slower than that is refused.

When an API server trusts an authority: `trust_delay` after the write of `caBundle`. Each replica
measures that by its own clock from what it saw itself (`sightings`), before it signs with a new
authority and before it serves under one. A replica that has just started has seen nothing; what it
may serve at once is noted in the Secret (`Notes.settled`), and the Secret's certificate is under a
settled authority at every moment but two: the original replaced its CA in one step, or the Secret
was lost. Replicas that run then go on with what they have, whose CA is put (back) into the bundle,
and take the new one when it is settled; a replica without any waits.

When an authority retires: when no replica says that it serves under it, and at the least
`adoption_delay` after the switch. Replicas say so in an annotation of the Secret, since that much
is granted by the original's chart; lists of pods and endpoints are not. They write it when it
changes (at a start, after a switch), and else once a day; behind the Secret (a certificate that
they can't take) every few minutes. One that is silent for `silence_limit` of unbroken contact is
gone, like one whose word is three days old; what was said in a Secret that is lost counts as said
by somebody silent. The delay is for replicas of the original, which say
nothing: they take the certificate from their mount, up to two minutes later.

A clock that is wrong makes what is good look dead. So a replica compares its own with the API
server's, which is the one that judges certificates, and does nothing while they differ by more than
`MOST_SKEW`. Where the difference isn't known, no authority counts as dead and no word as old: what
is in the bundle goes only when nobody has said for `silence_limit` that it is in use. And no step
is repeated at full speed (`repeats`), whoever undoes it.

Beside the original (while an upgrade or a rollback rolls): at each stage the first CA of `ca.crt`
is the signer of `tls.crt` and the owner of `ca.key`, which is all that it checks. It then writes
`ca.crt` as a whole into `caBundle`, the very bytes that we write. It would replace a CA or a
serving certificate in one step at 90 days before their end, and looks at that whenever the Secret
changes: so we are due a little before it (`_HEAD_START`), and done when it looks.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Final, TypeAlias

from webhook.certificates.inspection import CLOCK_SKEW, Authority
from webhook.certificates.secret import Contents, Report
from webhook.config.settings import CertificateConfig

_HEAD_START: Final = 31 / 30
"""93 days where the original has 90."""

REPORT_LIFE: Final = 3 * 86400.0
"""A replica's word counts this long ..."""
REPORT_RENEWAL: Final = 86400.0
"""... and is said again this often."""

MOST_SKEW: Final = CLOCK_SKEW
"""Seconds that our clock and the API server's may differ by: what certificates are given, too."""
_CLOCK_INTERVAL: Final = 60.0
"""Between two looks at a clock that is wrong."""

_MOST_KEPT: Final = 8
"""Authorities that a new bundle takes over from lost ones."""


@dataclass(frozen=True, slots=True)
class Observed:
    """What this replica sees. Durations are seconds, by its own clock."""

    contents: Contents
    replica: str
    mine: Authority | None = None
    """The authority of what this replica serves."""
    published: bytes | None = None
    """`caBundle`, decoded; None: there is no such configuration or webhook."""
    trusted: tuple[Authority, ...] = ()
    """The authorities in it."""
    trusted_for: Mapping[str, float] = field(default_factory=dict)
    """How long each has stood there, by fingerprint."""
    signing_for: float = 0.0
    """How long the Secret's certificate has been signed by the same authority."""
    silent_for: Mapping[str, float] = field(default_factory=dict)
    """How long each replica's report has not changed."""
    skew: float | None = None
    """How far our clock is ahead of the API server's; None: unknown."""

    def is_dead(self, authority: Authority, now: float) -> bool:
        """Tell whether an authority is surely not valid now."""
        return self.skew is not None and not authority.alive(now)

    def is_old(self, report: Report, now: float) -> bool:
        """Tell whether a replica's word is surely too old to count."""
        return self.skew is not None and abs(now - report.at) >= REPORT_LIFE


@dataclass(frozen=True, slots=True)
class Begin:
    """Make a CA and a serving certificate: there is nothing to go on with."""

    keep: tuple[Authority, ...] = ()
    """Authorities that somebody may still serve under."""
    name: ClassVar = "begin"
    urgent: ClassVar = True


@dataclass(frozen=True, slots=True)
class Renew:
    """Make a serving certificate, signed by the same authority as before."""

    urgent: bool
    """The one that is there can't be served."""
    name: ClassVar = "renew"


@dataclass(frozen=True, slots=True)
class Keep:
    """Put the authority that this replica serves under back into the bundle."""

    authority: Authority
    name: ClassVar = "keep"
    urgent: ClassVar = True


@dataclass(frozen=True, slots=True)
class Publish:
    """Write the bundle into the configuration."""

    name: ClassVar = "publish"
    urgent: ClassVar = True


@dataclass(frozen=True, slots=True)
class Announce:
    """Make the next CA and put it at the end of the bundle."""

    name: ClassVar = "announce"
    urgent: ClassVar = False


@dataclass(frozen=True, slots=True)
class Switch:
    """Make a serving certificate signed by the next CA, which becomes the first."""

    name: ClassVar = "switch"
    urgent: ClassVar = False


@dataclass(frozen=True, slots=True)
class Retire:
    """Take authorities out of the bundle that nobody serves under."""

    fingerprints: tuple[str, ...]
    name: ClassVar = "retire"
    urgent: ClassVar = False


@dataclass(frozen=True, slots=True)
class Note:
    """Write down what this replica serves under, and which authorities are settled."""

    settled: tuple[str, ...] = ()
    name: ClassVar = "note"
    urgent: ClassVar = False


@dataclass(frozen=True, slots=True)
class Rest:
    """There is nothing to do for this many seconds, unless something changes."""

    seconds: float
    name: ClassVar = "rest"
    urgent: ClassVar = False


Action: TypeAlias = Begin | Renew | Keep | Publish | Announce | Switch | Retire | Note | Rest


def plan(seen: Observed, now: float, config: CertificateConfig) -> Action:
    """Return the next step; after it, look again."""
    contents = seen.contents
    if is_wrong(seen.skew):
        return Rest(_CLOCK_INTERVAL)
    if contents.serving is None or not contents.serving.alive(now):
        return _from_nothing(seen, now, config)
    if seen.mine is not None and seen.mine.alive(now) and seen.mine not in contents.bundle:
        return Keep(seen.mine)
    if seen.published is not None and seen.published != contents.bundle_pem:
        return Publish()
    rotation = _rotation(seen, now, config)
    retirement = _retirement(seen, now, config)
    note = _note(seen, now, config)
    steps = [rotation, retirement, note]
    for step in steps:
        if not isinstance(step, Rest):
            return step
    return min((step for step in steps if isinstance(step, Rest)), key=lambda rest: rest.seconds)


def is_wrong(skew: float | None) -> bool:
    """Tell whether our clock is surely too far off to judge certificates by."""
    return skew is not None and abs(skew) > MOST_SKEW


def due(not_before: float, not_after: float, now: float, lookahead: float) -> bool:
    """Tell whether a certificate is to be replaced: never before half its life is over."""
    ahead = min(lookahead * _HEAD_START, (not_after - not_before) / 2)
    return not_after - now < ahead


def _from_nothing(seen: Observed, now: float, config: CertificateConfig) -> Action:
    """Nothing in the Secret can be served. A CA that is there, and so trusted, is used first."""
    contents = seen.contents
    if contents.signer is not None:
        first = contents.bundle[0]
        if first.alive(now) and first.not_after - now > 3 * config.trust_delay:
            return Renew(urgent=True)
    known = {a.fingerprint: a for a in (seen.mine, *contents.bundle, *seen.trusted) if a}
    kept = [authority for authority in known.values() if not seen.is_dead(authority, now)]
    kept.sort(key=lambda one: one != seen.mine and not _in_use(one, seen, now, config))
    return Begin(keep=tuple(kept[:_MOST_KEPT]))


def _rotation(seen: Observed, now: float, config: CertificateConfig) -> Action:
    contents = seen.contents
    assert contents.serving is not None  # noqa: S101  the caller has looked
    first, leaf = contents.serving.authority, contents.serving
    requests = contents.notes.requests
    if contents.upcoming is not None:
        seconds = seen.trusted_for.get(contents.upcoming.fingerprint)
        if seconds is not None and seconds >= config.trust_delay:
            return Switch()
        return Rest(config.trust_delay - (seconds or 0.0))
    first_due = due(first.not_before, first.not_after, now, config.lookahead)
    if contents.signer is None or first_due or "ca" in requests:
        return Announce()
    leaf_due = due(leaf.not_before, leaf.not_after, now, config.lookahead)
    if leaf_due or "serving" in requests or config.dns_name not in leaf.names:
        return Renew(urgent=False)
    return Rest(config.check_interval)


def _retirement(seen: Observed, now: float, config: CertificateConfig) -> Action:
    contents = seen.contents
    assert contents.serving is not None  # noqa: S101  the caller has looked
    others = [
        authority
        for authority in contents.bundle
        if authority not in (contents.serving.authority, contents.upcoming, seen.mine)
        or seen.is_dead(authority, now)
    ]
    gone = [one for one in others if seen.is_dead(one, now)]
    early = seen.signing_for < config.adoption_delay
    if not early and contents.serving.authority in seen.trusted:
        left = [one for one in others if one not in gone]
        gone += [one for one in left if not _in_use(one, seen, now, config)]
    if gone:
        return Retire(tuple(authority.fingerprint for authority in gone))
    if others and early:
        return Rest(config.adoption_delay - seen.signing_for)
    return Rest(config.check_interval)


def _in_use(one: Authority, seen: Observed, now: float, config: CertificateConfig) -> bool:
    return any(
        report.authority == one.fingerprint
        and not seen.is_old(report, now)
        and seen.silent_for.get(replica, 0.0) < config.silence_limit
        for replica, report in seen.contents.notes.reports.items()
        if replica != seen.replica
    )


def _note(seen: Observed, now: float, config: CertificateConfig) -> Action:
    contents = seen.contents
    assert contents.serving is not None  # noqa: S101  the caller has looked
    settled = contents.notes.settled or frozenset()
    fresh = tuple(
        authority.fingerprint
        for authority in contents.bundle
        if authority.fingerprint not in settled
        and seen.trusted_for.get(authority.fingerprint, -1.0) >= config.trust_delay
    )
    first = contents.serving.authority
    if first.fingerprint in fresh:
        return Note(settled=fresh)
    said = contents.notes.reports.get(seen.replica)
    if seen.mine is not None and not _stands(said, seen.mine, first, now, config):
        return Note(settled=fresh)
    if first.fingerprint not in settled or seen.mine != first:  # to be noted, or served, then
        left = config.trust_delay - seen.trusted_for.get(first.fingerprint, float("inf"))
        if left > 0:
            return Rest(left)
    return Rest(config.check_interval)


def _stands(
    said: Report | None, mine: Authority, first: Authority, now: float, config: CertificateConfig
) -> bool:
    """Tell whether what this replica said of itself needs no saying again."""
    if said is None or said.authority != mine.fingerprint:
        return False
    renewal = REPORT_RENEWAL if mine == first else min(REPORT_RENEWAL, config.silence_limit / 4)
    return -renewal < now - said.at < renewal
