"""What can go wrong with the server before it serves."""

# ruff: noqa: N818  it says what is the matter, as those of webhook.kube


class ServerError(Exception):
    """Every error of this package."""


class CannotListen(ServerError):
    """An address can't be listened on; the message is one line for people."""

    def __init__(self, address: str, setting: str, why: str) -> None:
        super().__init__(f"cannot listen on {address} ({setting}): {why}")
        self.address = address
        self.setting = setting
        """The flag that the address comes from."""
