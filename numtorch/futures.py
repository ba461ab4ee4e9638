"""``torch.futures``: results that come later."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any


class Future:
    """A result that comes later: somebody sets it, others wait for it or ask for a call when it has come.

    Args:
        devices: accepted.

    >>> future = torch.futures.Future()
    >>> future.set_result(3)
    >>> future.done(), future.wait()
    (True, 3)
    """

    def __init__(self, *, devices: Any = None):
        self._changed = threading.Condition()
        self._done = False
        self._value: Any = None
        self._error: BaseException | None = None
        self._calls: list[Callable[[], None]] = []

    def done(self) -> bool:
        """Whether the result, or an error, has come.

        Returns:
            A bool.

        >>> torch.futures.Future().done()
        False
        """
        return self._done

    def wait(self) -> Any:
        """Wait for the result.

        Returns:
            The result; an error that was set is raised.

        >>> future = torch.futures.Future()
        >>> future.set_result("here")
        >>> future.wait()
        'here'
        """
        with self._changed:
            self._changed.wait_for(lambda: self._done)
        return self.value()

    def value(self) -> Any:
        """The result, which must have come.

        Returns:
            The result; an error that was set is raised.

        Raises:
            RuntimeError: it has not come.

        >>> future = torch.futures.Future()
        >>> future.set_result(3)
        >>> future.value()
        3
        """
        if not self._done:
            raise RuntimeError("Future: the result has not come yet; wait() waits for it")
        if self._error is not None:
            raise self._error
        return self._value

    def set_result(self, result: Any) -> None:
        """Set the result, once.

        Args:
            result: anything.

        Raises:
            RuntimeError: it has been set before.

        >>> torch.futures.Future().set_result(3)
        """
        self._set(result, None)

    def set_exception(self, result: BaseException) -> None:
        """Set an error in place of the result.

        Args:
            result: the error, which ``wait`` raises.

        Raises:
            AssertionError: it is no exception.
            RuntimeError: the result has been set before.

        >>> torch.futures.Future().set_exception(ValueError("bad"))
        """
        assert isinstance(result, BaseException), f"{result} is of type {type(result)}, not an Exception."
        self._set(None, result)

    def _set(self, value: Any, error: BaseException | None) -> None:
        with self._changed:
            if self._done:
                raise RuntimeError("Future can only be set once.")
            self._value, self._error, self._done = value, error, True
            self._changed.notify_all()
            calls, self._calls = self._calls, []
        for call in calls:
            call()

    def _when_done(self, call: Callable[[], None]) -> None:
        with self._changed:
            if not self._done:
                self._calls.append(call)
                return
        call()

    def then(self, callback: Callable[[Future], Any]) -> Future:
        """Call a function when the result has come.

        Args:
            callback: takes this future.

        Returns:
            A future of what the function returns, or raises.

        >>> future = torch.futures.Future()
        >>> later = future.then(lambda f: f.value() + 1)
        >>> future.set_result(3)
        >>> later.wait()
        4
        """
        later = Future()

        def call() -> None:
            try:
                later.set_result(callback(self))
            except Exception as e:
                later.set_exception(e)

        self._when_done(call)
        return later

    def add_done_callback(self, callback: Callable[[Future], Any]) -> None:
        """Call a function when the result has come; what it returns or raises is lost.

        Args:
            callback: takes this future.

        >>> future = torch.futures.Future()
        >>> future.add_done_callback(lambda f: print(f.value()))
        >>> future.set_result(3)
        3
        """
        self.then(callback)


def collect_all(futures: list[Future]) -> Future:
    """A future of a list of futures, which comes when all of them have.

    Args:
        futures: any number.

    Returns:
        A future, whose result is the list.

    >>> future = torch.futures.Future()
    >>> both = torch.futures.collect_all([future])
    >>> future.set_result(3)
    >>> both.wait()[0].value()
    3
    """
    futures = list(futures)
    every = Future()
    left = len(futures)
    lock = threading.Lock()
    if not futures:
        every.set_result([])

    def come() -> None:
        nonlocal left
        with lock:
            left -= 1
            last = left == 0
        if last:
            every.set_result(futures)

    for future in futures:
        future._when_done(come)
    return every


def wait_all(futures: list[Future]) -> list:
    """Wait for several results.

    Args:
        futures: any number.

    Returns:
        A list of the results; the first error is raised.

    >>> future = torch.futures.Future()
    >>> future.set_result(3)
    >>> torch.futures.wait_all([future])
    [3]
    """
    return [future.wait() for future in collect_all(futures).wait()]
