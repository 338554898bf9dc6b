"""Why an exchange was refused, for somebody who does not know the codes. Pure.

The service's own words follow on the page; these say what to look at. Source of the codes:
https://learn.microsoft.com/entra/identity-platform/reference-error-codes
"""

from typing import Final

from emulator.directory import Directory
from emulator.tokens.exchanges import Exchange

_NEAREST: Final = 3
"""Values of credentials that are shown beside one that fits none of them."""

REASONS: Final[dict[int, str]] = {
    50027: "The assertion is no JWT that can be read.",
    50048: "The assertion's sub is not its iss; with a certificate both are the client id.",
    50049: "Another authority was asked about than this emulator.",
    50059: "The address names no tenant; client credentials need one.",
    70003: "Only the grant client_credentials is served.",
    70011: "The scope can't be understood.",
    70021: "No credential of the identity fits the assertion.",
    70025: "The identity has no federated credentials.",
    90002: "There is no such tenant here.",
    90061: "The issuer's documents could not be fetched.",
    500011: "Nothing in the tenant is called what the scope names.",
    501661: "The issuer's documents are not what they have to be.",
    700016: "There is no such application or managed identity in the tenant.",
    700021: "The assertion's iss is not the client id.",
    700023: "The assertion is for another audience than this token endpoint.",
    700024: "The assertion's time is over, or has not come yet.",
    700027: "The assertion's signature does not fit the client's certificate.",
    700211: "No credential of the identity is for the assertion's issuer.",
    700212: "No credential for this issuer has the assertion's audience.",
    700213: "No credential for this issuer has the assertion's subject.",
    700222: "A token of Entra itself can't be an assertion.",
    900023: "The address does not name a tenant in a form that is known.",
    900144: "A parameter is missing.",
    900561: "The method is not the one that the address takes.",
    901002: "The parameter resource is of version 1; version 2 takes a scope.",
    1002012: "The scope must be a resource with /.default after it.",
    5002723: "The assertion's header does not say which key signed it.",
    5002727: "The assertion's header names another type than JWT.",
    5002738: "The assertion is not signed with RS256.",
    7000215: "The client secret is wrong.",
    7000216: "Neither an assertion nor a secret came.",
    7000222: "The client secret's time is over.",
    7000229: "The application has no service principal in the tenant.",
    7000272: "The issuer publishes no key with the assertion's key id.",
    7002137: "The assertion's subject does not fit the identity.",
    7002138: "The subject differs from a credential's in letter case only.",
    9000411: "A parameter stands there twice.",
    9002313: "The request can't be read as one for a token.",
}
_NO_FIT: Final = frozenset({70021, 70025, 700211, 700212, 700213, 7002138})


def reason_of(exchange: Exchange, directory: Directory) -> str:
    """Return why an exchange was refused, in a sentence or two; empty if it was not."""
    code = exchange.aadsts
    if code is None:
        return ""
    words = REASONS.get(code, "")
    if code in _NO_FIT:
        return f"{words} {_nearest(exchange, directory)}".strip()
    return words


def label_of(exchange: Exchange) -> str:
    """Return the code to look up: AADSTS and its number, or the status of a fault on demand."""
    code = exchange.aadsts
    if code is None:
        return ""
    return f"AADSTS{code}" if code >= 1000 else f"HTTP {code}"


def _nearest(exchange: Exchange, directory: Directory) -> str:
    """Say what the identity's credentials have where the assertion has something else."""
    holder = directory.holder(exchange.client_id)
    held = [] if holder is None else directory.credentials(holder.key).values()
    audiences = exchange.audience.split(", ")
    same = [one for one in held if one.issuer == exchange.issuer]
    for one in same:
        if one.subject == exchange.subject and one.audiences[0] in audiences:
            return f"{one.name} fits by now: it was written later, or was not known yet."
    if exchange.aadsts == 700211 or not same:
        found = {one.issuer for one in held}
    elif exchange.aadsts == 700212:
        found = {one.audiences[0] for one in same}
    else:
        found = {one.subject for one in same}
    if not found:
        return ""
    shown = sorted(found, key=lambda value: _distance(value, exchange))[:_NEAREST]
    more = f" and {len(found) - len(shown)} more" if len(found) > len(shown) else ""
    return f"There is: {', '.join(shown)}{more}."


def _distance(value: str, exchange: Exchange) -> tuple[int, str]:
    """Sort what begins or ends like the assertion's value before the rest."""
    wanted = exchange.subject or exchange.issuer
    alike = sum(
        next((n for n, (a, b) in enumerate(zip(x, y, strict=False)) if a != b), min(len(x), len(y)))
        for x, y in ((value, wanted), (value[::-1], wanted[::-1]))
    )
    return -alike, value
