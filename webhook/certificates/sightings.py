"""How long something has been so, as this replica saw it, by its own monotonic clock.

Times of other replicas are never compared with ours: clocks differ, and sixty seconds must be
sixty. What can't be known (a break in contact, a change that nobody watched) starts anew.
"""

from collections.abc import Hashable, Iterable, Mapping


class Sightings:
    """Remembers since when each thing has been seen without a break. `at` is monotonic seconds."""

    def __init__(self) -> None:
        self._version: Hashable = None
        self._trusted: dict[str, float] = {}
        self._signing: tuple[str, float] | None = None
        self._reports: dict[str, tuple[Hashable, float]] = {}

    def saw_trusted(self, version: Hashable, authorities: Iterable[str], at: float) -> None:
        """Note which authorities stand in `caBundle`.

        With another version of the configuration everything counts as new: the field may have been
        emptied and written again in between.
        """
        known = self._trusted if version == self._version else {}
        self._version = version
        self._trusted = {authority: known.get(authority, at) for authority in authorities}

    def saw_secret(self, signing: str | None, reports: Mapping[str, Hashable], at: float) -> None:
        """Note whose certificate the Secret serves, and what replicas say of themselves."""
        if signing is None:
            self._signing = None
        elif self._signing is None or self._signing[0] != signing:
            self._signing = (signing, at)
        self._reports = {
            replica: (report, self._since(replica, report, at))
            for replica, report in reports.items()
        }

    def lost_contact(self) -> None:
        """Forget since when others could have followed the Secret: they may have lost it too.

        What stands in `caBundle` is known by its version, whatever happened in between.
        """
        self._signing = None
        self._reports = {}

    def trusted_for(self, authority: str, at: float) -> float | None:
        """Return how long an authority has stood in `caBundle`; None: it does not."""
        since = self._trusted.get(authority)
        return None if since is None else at - since

    def signing_for(self, at: float) -> float:
        """Return how long the Secret's certificate has been signed by the same authority."""
        return 0.0 if self._signing is None else at - self._signing[1]

    def silent_for(self, replica: str, at: float) -> float:
        """Return how long a replica's report has not changed."""
        return at - self._reports[replica][1] if replica in self._reports else 0.0

    def _since(self, replica: str, report: Hashable, at: float) -> float:
        known = self._reports.get(replica)
        return known[1] if known is not None and known[0] == report else at
