"""A fair queue before the database: the kernel serves waiting writers in the order they came.

SQLite's own wait is a poll with growing pauses, so that the unlucky one of 32 writers waits for seconds. The queue
is only for fairness. SQLite's lock stays what makes writing safe: where the queue cannot be had, writers go on
without it.
"""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import Unavailable

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]


class Turnstile:
    """The queue of one thread; every thread has its own, on the same file."""

    def __init__(self, path: Path | None, timeout_s: float) -> None:
        self._path = path if fcntl is not None else None
        self._timeout_s = timeout_s
        self._file = -1

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for our turn, at most the timeout. Raises Unavailable when it does not come."""
        held = self._enter()
        try:
            yield
        finally:
            if held:
                # unlocking by hand also frees what a child forked at this moment inherited
                fcntl.flock(self._file, fcntl.LOCK_UN)

    def _enter(self) -> bool:
        if self._path is None:
            return False
        try:
            if self._file < 0:
                self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except OSError as error:
            if error.errno not in (errno.EWOULDBLOCK, errno.EACCES, errno.EINTR):
                self._path = None  # no such locks here, or a folder that cannot be written to: SQLite will say so
                return False
        return self._wait()

    def _wait(self) -> bool:
        # flock has no timeout: another thread waits, and gives the turn back if nobody wants it any more
        waiter = _Waiter(self._file)
        try:
            state = waiter.result(self._timeout_s)
        except BaseException:  # Ctrl-C
            self._file = -1
            raise
        if state == "left":
            self._file = -1
            raise Unavailable(
                f"The records are busy: no turn to write within {self._timeout_s:g} s.",
                hint="Another process holds them, perhaps a stopped one; try again, or raise busy_timeout_s.",
            )
        return state == "held"

    def close(self) -> None:
        """Leave the file."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


class _Waiter:
    """Waits for the file's lock in a thread. Who leaves early leaves the file to the thread."""

    def __init__(self, file: int) -> None:
        self._file = file
        self._state = "waiting"
        self._lock = threading.Lock()
        self._done = threading.Event()
        threading.Thread(target=self._wait, name="dsp-records-turn", daemon=True).start()

    def result(self, timeout_s: float) -> str:
        """ "held", "failed" (there are no such locks here), or "left" after the timeout."""
        try:
            self._done.wait(timeout_s)
        except BaseException:
            self._leave()
            raise
        with self._lock:
            if self._state == "waiting":
                self._state = "left"
            return self._state

    def _leave(self) -> None:
        with self._lock:
            if self._state == "waiting":
                self._state = "left"
            else:
                os.close(self._file)  # gives the turn back

    def _wait(self) -> None:
        state = "held"
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX)
        except OSError:
            state = "failed"
        with self._lock:
            if self._state == "left":
                os.close(self._file)
            else:
                self._state = state
        self._done.set()
