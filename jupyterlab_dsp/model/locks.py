"""Many writers or one collector, over threads and processes of one machine, and neither waits for ever."""

from __future__ import annotations

import contextlib
import fcntl
import os
import threading
from collections.abc import Iterator
from pathlib import Path

from ..errors import Conflict


class FairLock:
    """A shared/exclusive lock on a file, with a turnstile before it.

    Everybody passes the turnstile one by one. The collector keeps it while it waits for those inside, so new
    writers queue behind it instead of overtaking it for ever. The kernel lets go of both when a process dies.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._turnstile = path.with_name(f"{path.name}.turnstile")
        self._state = _State()
        self._guard = threading.Lock()

    @contextlib.contextmanager
    def shared(self, *, join: bool = False) -> Iterator[None]:
        """Hold as one of many. Reentrant in a thread.

        join: where another thread of this process holds it, count as part of that. For short steps done by
        helper threads: in the queue they would wait for a collector that waits for their own caller.
        """
        state = self._mine()
        mine = state.depth()
        if mine or (join and self._join(state)):
            if mine:
                state.local.depth = mine + 1
            try:
                yield
            finally:
                if mine:
                    state.local.depth = mine
                else:
                    self._leave(state)
            return
        if getattr(state.local, "collects", False):
            yield  # who holds it alone may write as well
            return
        descriptor = self._pass(fcntl.LOCK_SH)
        with self._guard:
            state.held.append(descriptor)
        state.local.depth = 1
        try:
            yield
        finally:
            state.local.depth = 0
            with self._guard:
                # helpers that joined may still be at work: the last one out lets go
                if state.joined:
                    state.parting.append(descriptor)
                else:
                    _release(descriptor)
                state.held.remove(descriptor)

    @contextlib.contextmanager
    def exclusive(self) -> Iterator[None]:
        """Hold alone. Raises Conflict in a thread that holds it shared: it would wait for itself."""
        state = self._mine()
        if state.depth():
            raise Conflict("Blobs cannot be collected by the thread that is writing.")
        if getattr(state.local, "collects", False):
            yield
            return
        turnstile = _take(self._turnstile, fcntl.LOCK_EX)
        try:
            descriptor = _take(self._path, fcntl.LOCK_EX)
        finally:
            _release(turnstile)
        state.local.collects = True
        try:
            yield
        finally:
            state.local.collects = False
            _release(descriptor)

    def _pass(self, mode: int) -> int:
        turnstile = _take(self._turnstile, fcntl.LOCK_EX)
        try:
            return _take(self._path, mode)
        finally:
            _release(turnstile)

    def _join(self, state: _State) -> bool:
        with self._guard:
            if not state.held:
                return False
            state.joined += 1
            return True

    def _leave(self, state: _State) -> None:
        with self._guard:
            state.joined -= 1
            if not state.joined:
                for descriptor in state.parting:
                    _release(descriptor)
                state.parting.clear()

    def _mine(self) -> _State:
        # a forked child inherits the memory, not the right: what its parent holds is the parent's
        if self._state.pid != os.getpid():
            self._state = _State()
            self._guard = threading.Lock()
        return self._state


class _State:
    def __init__(self) -> None:
        self.pid = os.getpid()
        self.local = threading.local()
        self.held: list[int] = []
        self.parting: list[int] = []
        self.joined = 0

    def depth(self) -> int:
        depth: int = getattr(self.local, "depth", 0)
        return depth


def _take(path: Path, mode: int) -> int:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, mode)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _release(descriptor: int) -> None:
    # unlocked by word: a close alone would leave it to a forked child that still has the descriptor
    fcntl.flock(descriptor, fcntl.LOCK_UN)
    os.close(descriptor)
