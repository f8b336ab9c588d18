"""Where services run: they are plain synchronous code, and the event loop never waits for them."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from .errors import TooBusy

T = TypeVar("T")

#: Threads are made when needed; an idle one costs some kilobytes.
THREADS = 64
#: Calls of one operation at a time: many slow ones of a kind leave threads for all others.
PER_OPERATION = 16
#: Calls of one operation that wait; one more is told to come back later.
WAITING = 200


class Gone(Exception):
    """The client left before its call began."""


class Pool:
    """A bounded pool of threads that is fair among operations."""

    def __init__(self, threads: int = THREADS, per_operation: int = PER_OPERATION, waiting: int = WAITING) -> None:
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="dsp")
        self._waiting = waiting
        self._turns: dict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(per_operation))
        self._queued: dict[str, int] = defaultdict(int)

    async def run(
        self, operation: str, call: Callable[[], T], *, is_gone: Callable[[], bool] | None = None, must: bool = False
    ) -> T:
        """Run ``call`` in a thread and return what it returns.

        is_gone: asked before the call begins; where it says yes, Gone is raised and nothing was done.
        must: never refused (a download that has begun).
        Raises TooBusy, without having begun, where too many calls of the operation wait already.
        """
        turn = self._turns[operation]
        if turn.locked() and self._queued[operation] >= self._waiting and not must:
            raise TooBusy.now()
        self._queued[operation] += 1
        try:
            await turn.acquire()
        finally:
            self._queued[operation] -= 1
        try:
            if is_gone is not None and is_gone():
                raise Gone
            return await asyncio.get_running_loop().run_in_executor(self._executor, call)
        finally:
            turn.release()

    def close(self) -> None:
        """Take no more calls; those that run may end."""
        self._executor.shutdown(wait=False, cancel_futures=True)
