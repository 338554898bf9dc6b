"""What a leader that may not go on raises."""


class NotLeading(Exception):  # noqa: N818 - it says all
    """The Lease is not ours, or might end before what was to be done does."""
