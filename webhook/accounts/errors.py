"""Why an account can't be had, told apart by what the pod's creator is answered.

AccountError
├── AccountNotFound       400: there is no such ServiceAccount
└── AccountUnreadable     500: it can't be told just now; the same request may succeed later
"""

# ruff: noqa: N818  they say what is the matter, as those of webhook.kube


class AccountError(Exception):
    """Every error of this package; its text is one line for people."""

    def __init__(self, namespace: str, name: str, message: str) -> None:
        super().__init__(message)
        self.namespace = namespace
        self.name = name


class AccountNotFound(AccountError):
    """The API server says that there is none of this name."""

    def __init__(self, namespace: str, name: str) -> None:
        super().__init__(namespace, name, f"ServiceAccount {namespace}/{name} does not exist")


class AccountUnreadable(AccountError):
    """Nobody could say whether there is one, or what it says."""

    def __init__(self, namespace: str, name: str, why: str) -> None:
        super().__init__(
            namespace, name, f"ServiceAccount {namespace}/{name} can't be read just now: {why}"
        )
