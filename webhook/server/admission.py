"""The hot route, `POST /mutate-v1-pod`: a bare ASGI application.

The usual admission (the body there at once, the ServiceAccount known) runs from end to end without
waiting for anything, and without a task, a timer or a lock of its own. What has to wait is bounded
by the time that the API server gives in `?timeout=`, less a margin, so that it reads an answer.

A request that can't be answered as a review gets a 4xx with a `Status` as body, whose message the
API server passes on (`webhook.server.rejection`). One that can gets a review, whatever happens:
`_deny_unexpected` is the one place that catches what nobody foresaw.
"""

import asyncio
import logging
from collections.abc import Callable
from time import perf_counter
from typing import Final

from identity.account import Account
from webhook import review
from webhook.accounts.errors import AccountNotFound, AccountUnreadable
from webhook.logs import described
from webhook.metrics import Metrics, Result
from webhook.mutation.outcome import Refused
from webhook.review import Malformed, Reading, Review, Unconcerned, read_review
from webhook.server.bodies import Bodies, Gone
from webhook.server.budget import seconds_given
from webhook.server.ports import MORE_TIME, Accounts, Decide, Receive, Scope, Send
from webhook.server.rejection import Rejected, check_head, send_json, send_rejection

_log = logging.getLogger("azwi.webhook.server")
_RETRY_AFTER: Final = 1
"""Seconds after which client-go tries a pod again that failed for a fault on this side."""
_MOST_TOLD: Final = 20
"""Faults whose places one log line names."""


class Admission:
    """The ASGI application that answers reviews."""

    def __init__(
        self,
        decide: Decide,
        accounts: Accounts,
        metrics: Metrics,
        *,
        max_body_bytes: int,
        clock: Callable[[], float] = perf_counter,
    ) -> None:
        self._decide = decide
        self._accounts = accounts
        self._metrics = metrics
        self._bodies = Bodies(max_body_bytes, clock)
        self._max_body = max_body_bytes
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        started = self._clock()
        try:
            check_head(scope, self._max_body)
            message = await receive()
            if self._bodies.is_whole(message):
                answer = await self._answer(message["body"], scope, started)
            else:
                deadline = started + seconds_given(scope)
                more_time = scope.get(MORE_TIME)
                async with self._bodies.rest(message, receive, deadline, more_time) as body:
                    answer = await self._answer(body, scope, started)
        except Rejected as rejected:
            self._metrics.count(rejected.result)
            _log.info("request rejected", extra=rejected.facts)
            await send_rejection(rejected, scope, receive, send, self._max_body)
        except Gone:
            self._metrics.count(Result.GONE)
        else:
            await send_json(send, 200, answer)

    async def _answer(self, body: bytes | bytearray, scope: Scope, started: float) -> bytes:
        asked: Reading | None = None
        try:
            asked = read_review(body)
            if not isinstance(asked, Review):
                return self._answer_other(asked)
            account = self._accounts.peek(asked.namespace, asked.account)
            if account is not None:
                return self._answer_known(asked, account, started)
            asked = asked._replace(pod={})  # ten times its JSON: it is parsed again when needed
            return await self._answer_later(asked, body, scope, started)
        except Rejected:
            raise
        except Exception as error:  # noqa: BLE001 - the documented boundary
            return self._deny_unexpected(asked, error, started)

    def _answer_other(self, asked: Malformed | Unconcerned) -> bytes:
        """Answer what is no creation of a pod."""
        if isinstance(asked, Unconcerned):
            self._metrics.count(Result.UNCONCERNED)
            return review.allow(asked.api_version, asked.uid)
        if not asked.uid:
            raise Rejected(Result.NOT_A_REVIEW, 400, asked.message)
        self._metrics.count(Result.NOT_A_POD)
        _log.info("refused", extra={"uid": asked.uid, "reason": Result.NOT_A_POD.value[1]})
        return review.refuse(asked.api_version, asked.uid, asked.message)

    def _answer_known(self, asked: Review, account: Account, started: float) -> bytes:
        outcome = self._decide(asked.pod, asked.namespace, account)
        if isinstance(outcome, Refused):
            return self._refuse(
                asked,
                Result.FAULTS,
                outcome.message,
                started,
                where=[fault.where for fault in outcome.faults[:_MOST_TOLD]],
            )
        answer = review.allow_injected(asked.api_version, asked.uid, outcome)
        if outcome.warnings:
            self._metrics.warn(outcome.warnings)
        result = Result.INJECTED if outcome.operations else Result.COMPLETE
        self._done(asked, result, started)
        if _log.isEnabledFor(logging.DEBUG):
            _log.debug(
                "admitted",
                extra={
                    **_facts(asked, result),
                    "operations": len(outcome.operations),
                    "warnings": [warning.reason.value for warning in outcome.warnings],
                },
            )
        return answer

    async def _answer_later(
        self, asked: Review, body: bytes | bytearray, scope: Scope, started: float
    ) -> bytes:
        """Ask the API server for the ServiceAccount first."""
        if not review.could_exist(asked.namespace, asked.account):
            message = "the names of the namespace and the ServiceAccount must be DNS names"
            return self._refuse(asked, Result.NO_ACCOUNT, message, started)
        left = started + seconds_given(scope) - self._clock()
        try:
            async with asyncio.timeout(left):
                account = await self._accounts.get(asked.namespace, asked.account)
        except AccountNotFound as error:
            return self._refuse(asked, Result.NO_ACCOUNT, str(error), started)
        except AccountUnreadable as error:
            return self._fail(asked, Result.UNREADABLE, str(error), started)
        except TimeoutError:
            why = f"ServiceAccount {asked.namespace}/{asked.account} could not be read in time"
            return self._fail(asked, Result.OUT_OF_TIME, why, started)
        again = read_review(body)
        if not isinstance(again, Review):
            raise TypeError  # the same bytes were a review a moment ago
        return self._answer_known(again, account, started)

    def _refuse(
        self,
        asked: Review,
        result: Result,
        message: str,
        started: float,
        where: list[str] | None = None,
    ) -> bytes:
        self._done(asked, result, started)
        extra = _facts(asked, result)
        if where is not None:
            extra["where"] = where  # names only: the message quotes values
        _log.info("refused", extra=extra)
        return review.refuse(asked.api_version, asked.uid, message)

    def _fail(self, asked: Review, result: Result, why: str, started: float) -> bytes:
        """Answer for an API server that does not: the same request may succeed later."""
        self._done(asked, result, started)
        _log.error("failed", extra={**_facts(asked, result), "why": why})
        message = f"{why}; this can be tried again"
        return review.fail(asked.api_version, asked.uid, message, _RETRY_AFTER)

    def _deny_unexpected(self, asked: Reading | None, error: Exception, started: float) -> bytes:
        """Answer for an error of ours: a refusal that says nothing of it, and a line that does.

        The boundary of the whole package. Only the error's type and the places it came through
        are logged: its message may quote the pod.
        """
        types, stack = described(error)
        extra: dict[str, object] = {"error": types, "stack": stack}
        if isinstance(asked, Review):
            extra |= _facts(asked, Result.INTERNAL)
            self._done(asked, Result.INTERNAL, started)
        _log.error("unexpected error", extra=extra)
        if asked is None or not asked.uid:
            raise Rejected(Result.INTERNAL, 400, "the review could not be read")
        if not isinstance(asked, Review):
            self._metrics.count(Result.INTERNAL)
        return review.fail(asked.api_version, asked.uid, "internal error")

    def _done(self, asked: Review, result: Result, started: float) -> None:
        self._metrics.observe(result, asked.namespace, self._clock() - started)


def _facts(asked: Review, result: Result) -> dict[str, object]:
    """Return what a log line says of a review: names of the envelope, nothing of the pod."""
    return {
        "uid": asked.uid,
        "namespace": asked.namespace[:64],
        "account": asked.account[:64],
        "outcome": result.value[0],
        "reason": result.value[1],
    }
