"""Counts out of what Prometheus reads: the API server's requests, the controller's calls. Pure."""

import re
from collections import Counter
from collections.abc import Mapping
from typing import Final

_LABEL: Final = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
_READS: Final = frozenset({"GET", "LIST", "WATCH"})
_REVIEW: Final = "subjectaccessreviews"
_LEASE: Final = "leases"

Requests = Counter[tuple[str, str]]
"""By verb and resource, with a subresource after a slash: `("PATCH", "pods/status")`."""

EntraCalls = dict[str, Counter[str]]
"""As the emulator counts them: by kind, by the client id that they are about."""

LOOKUPS: Final = ("graph.principals.", "graph.applications.", "arm.identities.")
LISTS: Final = ("graph.credentials.list", "arm.credentials.list")
"""Kinds, or how they begin."""


def samples(text: str, name: str) -> list[tuple[dict[str, str], float]]:
    """Find all samples of a metric: labels and value."""
    found = []
    for line in text.splitlines():
        if line.startswith(name) and line[len(name) : len(name) + 1] in {"{", " "}:
            labels, _, value = line[len(name) :].rpartition(" ")
            found.append((dict(_LABEL.findall(labels)), float(value)))
    return found


def api_requests(text: str) -> Requests:
    """Read `apiserver_request_total` of the API server's metrics."""
    found: Requests = Counter()
    for labels, value in samples(text, "apiserver_request_total"):
        subresource = labels.get("subresource", "")
        resource = labels.get("resource", "") + (f"/{subresource}" if subresource else "")
        found[labels.get("verb", ""), resource] += int(value)
    return found


def writes(requests: Requests) -> Requests:
    """Leave reads out, and SubjectAccessReviews, which write nothing."""
    return Counter(
        {
            (verb, resource): count
            for (verb, resource), count in requests.items()
            if verb not in _READS and resource != _REVIEW
        }
    )


def without_leases(requests: Requests) -> Requests:
    """Leave Leases out: ours, and those of the API server itself."""
    return Counter({key: count for key, count in requests.items() if key[1] != _LEASE})


def reviews(requests: Requests) -> int:
    """Count SubjectAccessReviews."""
    return sum(count for (_, resource), count in requests.items() if resource == _REVIEW)


def credential_writes(calls: EntraCalls) -> int:
    """Count writes of credentials, refused ones too."""
    return sum(
        by.total()
        for kind, by in calls.items()
        if ".credentials." in kind and not kind.endswith((".list", ".get"))
    )


def most(calls: EntraCalls, kinds: tuple[str, ...]) -> int:
    """Return the most calls of these kinds that one identity had."""
    by_identity: Counter[str] = Counter()
    for kind, by in calls.items():
        if kind.startswith(kinds):
            by_identity += by
    return max(by_identity.values(), default=0)


def more(now: EntraCalls, before: EntraCalls) -> EntraCalls:
    """Return what was asked between two looks."""
    return {kind: by - before.get(kind, Counter()) for kind, by in now.items()}


def entra_calls(text: str) -> Counter[str]:
    """Read `azwi_entra_calls_total` of the controller's metrics: by kind, every try counted."""
    found: Counter[str] = Counter()
    for labels, value in samples(text, "azwi_entra_calls_total"):
        found[labels.get("kind", "")] += int(value)
    return found


def ready(text: str) -> int:
    """Read how many objects are Ready, from the controller's metrics."""
    return int(
        sum(
            value
            for labels, value in samples(text, "azwi_controller_credentials")
            if (labels.get("condition"), labels.get("status")) == ("Ready", "True")
        )
    )


def busy(text: str) -> int:
    """Read how much is due or worked on, from the controller's metrics."""
    return int(
        sum(
            value
            for name in ("size", "running")
            for _, value in samples(text, f"azwi_controller_queue_{name}")
        )
    )


def reconciles(text: str, queue: str) -> int:
    """Read how many reconciles of a queue have ended, from the controller's metrics."""
    return int(
        sum(
            value
            for labels, value in samples(text, "azwi_controller_reconciles_total")
            if labels.get("kind") == queue
        )
    )


def told(requests: Mapping[tuple[str, str], int]) -> str:
    """Say it in a line, the most first."""
    ordered = sorted(requests.items(), key=lambda item: -item[1])
    return (
        ", ".join(f"{verb} {resource} {count:,}" for (verb, resource), count in ordered) or "none"
    )
