"""What each step of the plan writes into the Secret."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from webhook.certificates import secret as keys
from webhook.certificates.errors import IssuingFailed
from webhook.certificates.inspection import authorities
from webhook.certificates.issuer import Issuer, KeyPair, Order
from webhook.certificates.plan import (
    Announce,
    Begin,
    Keep,
    Note,
    Observed,
    Renew,
    Retire,
    Switch,
)
from webhook.certificates.secret import Notes, Report, bundle_of
from webhook.config.settings import CertificateConfig

SecretStep = Begin | Renew | Keep | Announce | Switch | Retire | Note


@dataclass(frozen=True, slots=True)
class Change:
    """What to write; data of None is to be taken out."""

    data: Mapping[str, bytes | None] = field(repr=False)
    notes: Notes


async def change_for(
    step: SecretStep, seen: Observed, issuer: Issuer, config: CertificateConfig, now: float
) -> Change:
    """Return what a step writes; raises `IssuingFailed`."""
    notes = _notes(seen, now)
    match step:
        case Begin():
            return await _begin(step, notes, issuer, config, now)
        case Renew():
            pair = await _sign(_needed(seen.contents.signer), issuer, config, now)
            return Change(_serving(pair), _done(notes, "serving"))
        case Announce():
            return await _announce(seen, notes, issuer, config, now)
        case Switch():
            return await _switch(seen, notes, issuer, config, now)
        case Keep() | Retire() | Note():
            return _without_making(step, seen, notes)


def _without_making(step: Keep | Retire | Note, seen: Observed, notes: Notes) -> Change:
    bundle = seen.contents.bundle
    match step:
        case Keep(authority):
            return Change({keys.CA_CERTIFICATE: bundle_of((*bundle, authority))}, notes)
        case Retire(fingerprints):
            stay = [one for one in bundle if one.fingerprint not in fingerprints]
            return Change({keys.CA_CERTIFICATE: bundle_of(stay)}, notes)
        case Note(settled):
            known = notes.settled or frozenset()
            in_bundle = {authority.fingerprint for authority in bundle}
            return Change({}, replace(notes, settled=(known | set(settled)) & in_bundle))


async def _begin(
    step: Begin, notes: Notes, issuer: Issuer, config: CertificateConfig, now: float
) -> Change:
    made = await issuer.make(
        Order(
            now=now,
            authority_lifetime=config.ca_lifetime,
            serving_lifetime=config.serving_lifetime,
            names=(config.dns_name,),
        )
    )
    pair = _needed(made.authority)
    new = authorities(pair.certificate)
    data = {
        keys.CA_CERTIFICATE: bundle_of((*new, *step.keep)),
        keys.CA_KEY: pair.key,
        keys.NEXT_CERTIFICATE: None,
        keys.NEXT_KEY: None,
        **_serving(_needed(made.serving)),
    }
    # Where no other CA was trusted before there is nothing to wait for.
    kept = {one.fingerprint for one in step.keep}
    settled = (notes.settled or frozenset()) & kept if kept else {one.fingerprint for one in new}
    # What replicas said went with the Secret: somebody unknown may still serve under these, and is
    # waited for like a replica that is silent. No pod has a slash in its name.
    unknown = {f"somebody/{name[:8]}": Report(name, float(int(now))) for name in kept}
    notes = replace(notes, reports={**notes.reports, **unknown})
    return Change(data, replace(notes, settled=frozenset(settled), requests=frozenset()))


async def _announce(
    seen: Observed, notes: Notes, issuer: Issuer, config: CertificateConfig, now: float
) -> Change:
    made = await issuer.make(Order(now=now, authority_lifetime=config.ca_lifetime))
    pair = _needed(made.authority)
    data = {
        keys.CA_CERTIFICATE: bundle_of((*seen.contents.bundle, *authorities(pair.certificate))),
        keys.NEXT_CERTIFICATE: pair.certificate,
        keys.NEXT_KEY: pair.key,
    }
    return Change(data, _done(notes, "ca"))


async def _switch(
    seen: Observed, notes: Notes, issuer: Issuer, config: CertificateConfig, now: float
) -> Change:
    first, signer = seen.contents.upcoming, _needed(seen.contents.upcoming_pair)
    assert first is not None  # noqa: S101  the pair is there only together with it
    pair = await _sign(signer, issuer, config, now)
    data = {
        keys.CA_CERTIFICATE: bundle_of((first, *seen.contents.bundle)),
        keys.CA_KEY: signer.key,
        keys.NEXT_CERTIFICATE: None,
        keys.NEXT_KEY: None,
        **_serving(pair),
    }
    settled = (notes.settled or frozenset()) | {first.fingerprint}
    return Change(data, _done(replace(notes, settled=settled), "serving"))


async def _sign(signer: KeyPair, issuer: Issuer, config: CertificateConfig, now: float) -> KeyPair:
    order = Order(
        now=now,
        serving_lifetime=config.serving_lifetime,
        names=(config.dns_name,),
        signer=signer,
    )
    return _needed((await issuer.make(order)).serving)


def _serving(pair: KeyPair) -> dict[str, bytes | None]:
    return {keys.CERTIFICATE: pair.certificate, keys.KEY: pair.key}


def _notes(seen: Observed, now: float) -> Notes:
    """Return the notes with this replica's report, and without those of replicas long gone."""
    notes = seen.contents.notes
    reports = {
        replica: report
        for replica, report in notes.reports.items()
        if replica != seen.replica and not seen.is_old(report, now)
    }
    if seen.mine is not None:
        reports[seen.replica] = Report(seen.mine.fingerprint, float(int(now)))
    return replace(notes, reports=reports)


def _done(notes: Notes, request: str) -> Notes:
    return replace(notes, requests=notes.requests - {request})


def _needed(pair: KeyPair | None) -> KeyPair:
    if pair is None:
        raise IssuingFailed("the step needs a key pair that is not there")
    return pair
