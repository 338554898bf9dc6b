"""The faults that are on, in words. Pure."""

from collections.abc import Iterator

from emulator.calls.faults import Failure, Settings


def faults_in_words(settings: Settings) -> list[str]:
    """Return a sentence for each fault that is on."""
    return [*_timing(settings), *map(_failure, settings.failures)]


def _timing(settings: Settings) -> Iterator[str]:
    if settings.latency_seconds:
        yield f"Every call takes {_seconds(settings.latency_seconds)} longer."
    if settings.propagation_seconds:
        yield (
            f"The token endpoint learns of changed credentials after"
            f" {_seconds(settings.propagation_seconds)}."
        )
    if settings.stale_read_seconds and settings.stale_read_share:
        share = settings.stale_read_share
        which = "Reads show" if share == 1 else f"{share:.0%} of the reads show"
        yield f"{which} what was there {_seconds(settings.stale_read_seconds)} ago."
    if settings.throttle is not None:
        yield f"Calls are throttled at {settings.throttle:g} times the published rates."
    if settings.write_seconds:
        yield (
            f"Writing a credential takes {_seconds(settings.write_seconds)}; another write to the"
            " same managed identity gets 409 meanwhile."
        )
    if settings.clock_offset_seconds:
        way = "fast" if settings.clock_offset_seconds > 0 else "slow"
        yield f"The clock is {_seconds(abs(settings.clock_offset_seconds))} {way}."


def _failure(failure: Failure) -> str:
    of = "of any kind" if failure.kind == "*" else f"of the kind {failure.kind}"
    about = f" about {failure.identity}" if failure.identity else ""
    how = f" with {failure.status}" + (f" {failure.code}" if failure.code else "")
    late = f", {_seconds(failure.delay_seconds)} late" if failure.delay_seconds else ""
    after = ", after the work is done" if failure.after else ""
    return f"{_which(failure, of + about)}{how}{late}{after}."


def _which(failure: Failure, of: str) -> str:
    if failure.share < 1:
        end = "" if failure.count is None else f", {failure.count} times more,"
        return f"Of the calls {of} {failure.share:.0%} fail by chance{end}"
    if failure.count is None:
        return f"All calls {of} fail"
    return (
        f"The next call {of} fails"
        if failure.count == 1
        else (f"The next {failure.count} calls {of} fail")
    )


def _seconds(value: float) -> str:
    return "1 second" if value == 1 else f"{value:g} seconds"
