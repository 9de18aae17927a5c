"""A store of requests that may not be had yet: each use tries again to open it, and the hub goes on meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence

from keepwell.core.errors import AccessError, ConfigurationError
from keepwell.store.request_log import Mark, QuantileRow, Quantiles, RequestLog
from keepwell.store.requests import EVERY, RequestRow, Values, Wanted


class LateRequests:
    """The RequestLog that `make` gives, as soon as it does. Where it raises ConfigurationError (no address, a part that
    is not installed), every method raises AccessError with the same words.
    """

    def __init__(self, make: Callable[[], RequestLog]) -> None:
        self._make = make
        self._turn = threading.Lock()
        self._made: RequestLog | None = None

    @property
    def source(self) -> str:
        """See RequestLog."""
        return self._log().source

    def add(self, rows: Sequence[Values], mark: Mark | None = None) -> None:
        """See RequestLog."""
        self._log().add(rows, mark)

    def find_mark(self, source: str) -> Mark | None:
        """See RequestLog."""
        return self._log().find_mark(source)

    def known(self, keys: Sequence[tuple[int, int]]) -> set[tuple[int, int]]:
        """See RequestLog."""
        return self._log().known(keys)

    def tend(self) -> None:
        """See RequestLog."""
        self._log().tend()

    def last_number(self) -> int:
        """See RequestLog."""
        return self._log().last_number()

    def after(self, number: int, most: int) -> list[tuple[int, RequestRow]]:
        """See RequestLog."""
        return self._log().after(number, most)

    def find(self, request: int) -> list[RequestRow]:
        """See RequestLog."""
        return self._log().find(request)

    def newest(self, *, last: int = 20, wanted: Wanted = EVERY) -> list[tuple[int, RequestRow]]:
        """See RequestLog."""
        return self._log().newest(last=last, wanted=wanted)

    def between(self, since: float, until: float) -> Iterator[RequestRow]:
        """See RequestLog."""
        return self._log().between(since, until)

    def quantiles(self, question: Quantiles) -> list[QuantileRow]:
        """See RequestLog."""
        return self._log().quantiles(question)

    def drop(self, before: float) -> None:
        """See RequestLog."""
        self._log().drop(before)

    def close(self) -> None:
        """Let go of it, if it was ever there."""
        if self._made is not None:
            self._made.close()

    def _log(self) -> RequestLog:
        with self._turn:
            if self._made is None:
                try:
                    self._made = self._make()
                except ConfigurationError as error:
                    raise AccessError(error.what, where=error.where, hint=error.hint) from error
            return self._made
