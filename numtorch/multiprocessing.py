"""``torch.multiprocessing``: Python's multiprocessing, and ``spawn``. Tensors travel as copies."""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
import signal
import sys
import time
import traceback
from collections.abc import Callable
from typing import Any

globals().update({name: getattr(multiprocessing, name) for name in multiprocessing.__all__})


class ProcessException(Exception):
    """A process of ``spawn`` has failed.

    Attributes:
        error_index: which one.
        pid: the number that the system gave it.
    """

    def __init__(self, msg: str, error_index: int, pid: int):
        super().__init__(msg)
        self.msg, self.error_index, self.pid = msg, error_index, pid

    def __reduce__(self) -> tuple:
        return type(self), (self.msg, self.error_index, self.pid)


class ProcessRaisedException(ProcessException):
    """The function of a process has raised an error; the message has its traceback.

    Attributes:
        error_index: which process.
        pid: the number that the system gave it.
    """


class ProcessExitedException(ProcessException):
    """A process has ended with another exit status than 0, or was killed.

    Attributes:
        error_index: which process.
        pid: the number that the system gave it.
    """


def _run(fn: Callable, i: int, args: tuple, told: Any) -> None:
    try:
        fn(i, *args)
    except KeyboardInterrupt:
        pass  # the parent has been interrupted too
    except Exception:
        told.send(traceback.format_exc())
        sys.exit(1)


class ProcessContext:
    """The processes of ``spawn(..., join=False)``.

    Args:
        processes: the processes.
        told: for each a connection, from which its traceback comes.
    """

    def __init__(self, processes: list, told: list):
        self.processes, self._told = processes, told

    def pids(self) -> list[int]:
        """The numbers that the system gave the processes.

        Returns:
            A list of integers.
        """
        return [p.pid for p in self.processes]

    def join(self, timeout: float | None = None, grace_period: float | None = None) -> bool:
        """Wait for the processes. If one fails, the others are ended.

        Args:
            timeout: how many seconds at most; None waits as long as it takes.
            grace_period: how many seconds the others have to end before they are killed.

        Returns:
            Whether all of them have ended.

        Raises:
            ProcessRaisedException: the function of one raised an error.
            ProcessExitedException: one ended with another exit status than 0.
        """
        end = None if timeout is None else time.monotonic() + timeout
        while True:
            left = [p.sentinel for p in self.processes if p.exitcode is None]
            failed = [i for i, p in enumerate(self.processes) if p.exitcode not in (None, 0)]
            if failed:
                self._stop(30.0 if grace_period is None else grace_period)
                self._raise(failed[0])
            if not left:
                return True
            if end is not None and time.monotonic() >= end:
                return False
            multiprocessing.connection.wait(left, None if end is None else max(0.0, end - time.monotonic()))

    def _stop(self, grace_period: float) -> None:
        for p in self.processes:
            p.terminate()
        for p in self.processes:
            p.join(grace_period)
            if p.exitcode is None:
                p.kill()
                p.join()

    def _raise(self, i: int) -> None:
        process = self.processes[i]
        try:
            text = self._told[i].recv()
        except EOFError:  # it ended without a word
            text = ""
        if text:
            raise ProcessRaisedException(
                f"\n\n-- Process {i} terminated with the following error:\n{text}", i, process.pid
            )
        status = process.exitcode
        how = f"exit code {status}" if status > 0 else f"signal {signal.Signals(-status).name}"
        raise ProcessExitedException(f"process {i} terminated with {how}", i, process.pid)


def spawn(
    fn: Callable,
    args: tuple = (),
    nprocs: int = 1,
    join: bool = True,
    daemon: bool = False,
    start_method: str = "spawn",
) -> ProcessContext | None:
    """Run ``fn(i, *args)`` in ``nprocs`` processes.

    Args:
        fn: a function that pickles.
        args: its arguments after the number of the process.
        nprocs: how many processes.
        join: whether to wait for them.
        daemon: whether they end with this one.
        start_method: ``spawn``, ``fork`` or ``forkserver``.

    Returns:
        None; a ``ProcessContext`` if ``join`` is False.

    Raises:
        ProcessRaisedException: the function of one raised an error.
        ProcessExitedException: one ended with another exit status than 0.
    """
    context: Any = multiprocessing.get_context(start_method)
    processes, told = [], []
    for i in range(nprocs):
        mine, theirs = context.Pipe(duplex=False)
        process = context.Process(target=_run, args=(fn, i, args, theirs), daemon=daemon)
        process.start()
        theirs.close()
        processes.append(process)
        told.append(mine)
    started = ProcessContext(processes, told)
    if not join:
        return started
    started.join()
    return None


start_processes = spawn


def set_sharing_strategy(new_strategy: str) -> None:
    """Accepted: tensors travel as copies."""


def get_sharing_strategy() -> str:
    """How torch would share memory by default."""
    return "file_descriptor"
