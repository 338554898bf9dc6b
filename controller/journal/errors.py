"""What the journal refuses; failures of the API server stay `controller.kube.errors.KubeError`.

JournalError
├── IssuerChanged     the cluster has another issuer than the one that was noted
├── Unreadable        what must not be guessed is noted in a way that makes no sense
└── Full              no more fits into a ConfigMap
"""

# ruff: noqa: N818  "IssuerChanged" and "Full" say all that "FullError" would


class JournalError(Exception):
    """Every error of this package. Its text is one line for people."""


class IssuerChanged(JournalError):
    """The cluster's issuer is not the one that its credentials were written for."""

    def __init__(self, was: str, now: str) -> None:
        super().__init__(
            f"the issuer of this cluster was {was} and is {now}: every credential would be written"
            " anew, and the old ones removed once their tokens are over; if that is meant, accept"
            " the change (--accept-issuer-change), else put the issuer right"
        )
        self.was = was
        self.now = now


class Unreadable(JournalError):
    """An entry that everything rests on can't be read; it is left as it is."""

    def __init__(self, config_map: str, key: str) -> None:
        super().__init__(
            f"ConfigMap {config_map}: {key} can't be read: put it right, or remove that key if"
            " what it said does not matter any more"
        )


class Full(JournalError):
    """Whoever asked has to wait until something else was removed; what is noted stays."""

    def __init__(self, config_map: str, size: int, limit: int) -> None:
        super().__init__(
            f"ConfigMap {config_map} would take {size} bytes, and more than {limit} are not"
            " written (etcd takes 1 MiB): remove grants or retained credentials of identities"
            " whose client ids begin with the same digit"
        )
