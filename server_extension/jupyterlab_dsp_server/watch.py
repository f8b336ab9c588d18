"""Notices what any process changed, and tells the browsers."""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from typing import TYPE_CHECKING, Literal

from jupyterlab_dsp.contract.system import RecordChanged
from jupyterlab_dsp.train.folder import EVENTS, LIVE, OUTPUT

from .events import emit, somebody_listens

if TYPE_CHECKING:
    from jupyterlab_dsp.platform import Platform

    from .application import DspApp

#: Kinds of records that people see, and the area that shows them.
AREA_OF_KIND: dict[str, Literal["train", "model"]] = {
    "run": "train",
    "model": "model",
    "version": "model",
    "spec": "model",
}
#: Seconds between two looks while nobody listens and nothing runs.
IDLE_S = 5.0
#: Seconds between two events of one run.
RUN_S = 0.5
#: More changes than this of one kind and scope at once become one event with an empty key.
MANY = 50
#: Longest pause, in seconds, after errors in a row.
LONGEST_PAUSE_S = 60.0

_Thing = tuple[str, str, str]  # kind, scope, key


class Look:
    """What was seen so far. ``take`` is synchronous and is called by one thread at a time."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._since: int | None = None
        self._active: list[str] = []
        self._settled_at = -math.inf
        self._settle_pause_s = IDLE_S
        #: why runs cannot be settled, while they cannot; changes of records are told all the same
        self.problem: Exception | None = None
        self._marks: dict[str, tuple[int, ...]] = {}
        self._told_at: dict[str, float] = {}
        self._pending: dict[_Thing, bool] = {}

    @property
    def is_busy(self) -> bool:
        """Whether runs are active."""
        return bool(self._active)

    def take(self) -> list[RecordChanged]:
        """Changes since the look before. The first look only marks where to go on from."""
        if self._since is None:
            self._since, _ = self._platform.records.changes(None)
        self._settle()
        self._read_changes(self._pending)
        self._read_growth(self._pending)
        return self._events()

    def _settle(self) -> None:
        now = time.monotonic()
        is_due = now - self._settled_at >= self._settle_pause_s
        if is_due or (self._active and self.problem is None):
            self._settled_at = now
            try:
                self._active = list(self._platform.train.settle_active())
            except Exception as error:  # noqa: BLE001 - of any plug-in; told by the watcher
                self.problem = error
                self._settle_pause_s = min(self._settle_pause_s * 2, LONGEST_PAUSE_S)
                return
            self.problem, self._settle_pause_s = None, IDLE_S
            self._marks = {run_id: self._marks.get(run_id, ()) for run_id in self._active}

    def _read_changes(self, changed: dict[_Thing, bool]) -> None:
        while True:
            self._since, changes = self._platform.records.changes(self._since)
            for change in changes:
                if change.kind in AREA_OF_KIND:
                    changed[(change.kind, change.scope, change.key)] = change.deleted
                if change.kind == "run":
                    self._settled_at = -math.inf  # perhaps a new one: look for active runs next time
            if len(changes) < 1000:
                return

    def _read_growth(self, changed: dict[_Thing, bool]) -> None:
        for run_id in self._active:
            mark = self._mark(run_id)
            if mark != self._marks.get(run_id):
                self._marks[run_id] = mark
                changed.setdefault(("run", "", run_id), False)

    def _mark(self, run_id: str) -> tuple[int, ...]:
        mark: list[int] = []
        for name in (EVENTS, OUTPUT, LIVE):
            with contextlib.suppress(OSError):
                status = (self._platform.paths.run(run_id) / name).stat()
                mark += (status.st_size, status.st_mtime_ns)
        return tuple(mark)

    def _events(self) -> list[RecordChanged]:
        now = time.monotonic()
        changed, self._pending = self._pending, {}
        groups: dict[tuple[str, str], list[tuple[str, bool]]] = {}
        for (kind, scope, key), deleted in changed.items():
            if kind == "run" and now - self._told_at.get(key, 0.0) < RUN_S * 0.9:
                self._pending[(kind, scope, key)] = deleted  # told a moment ago: next time
            else:
                groups.setdefault((kind, scope), []).append((key, deleted))
        events: list[RecordChanged] = []
        for (kind, scope), keys in groups.items():
            if len(keys) > MANY:
                keys = [("", False)]
            events += [
                RecordChanged(area=AREA_OF_KIND[kind], kind=kind, scope=scope, key=key, deleted=deleted)
                for key, deleted in keys
            ]
        self._told_at = {key: at for key, at in self._told_at.items() if now - at < RUN_S}
        self._told_at |= {event.key: now for event in events if event.kind == "run"}
        return events


class Watcher:
    """Takes looks in the pool and emits what they found, on the event loop."""

    def __init__(self, app: DspApp) -> None:
        self._app = app
        self._soon = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        self._task = loop.create_task(self._watch())

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    def look_soon(self) -> None:
        """Something was changed by this server: do not wait for the next look."""
        self._soon.set()

    async def _watch(self) -> None:
        pause, interval_s = 0.0, RUN_S
        look: Look | None = None
        problem: Exception | None = None
        while True:
            try:
                if look is None:
                    look = await self._app.pool.run("watch", lambda: Look(self._app.platform))
                    interval_s = self._app.platform.settings.watch_interval_s
                changes = await self._app.pool.run("watch", look.take)
                for change in changes:
                    emit(self._app.serverapp.event_logger, change)
                if look.problem is not None and problem is None:
                    self._app.log.warning("dsp: runs cannot be settled at the moment.", exc_info=look.problem)
                problem = look.problem
                if pause:
                    self._app.log.info("dsp: changes are noticed again.")
                pause = 0.0
            except Exception as error:  # whatever a plug-in raises, the watcher goes on
                if not pause:
                    self._app.log.warning("dsp: changes cannot be noticed at the moment: %s", error, exc_info=True)
                pause = min(max(1.0, pause * 2), LONGEST_PAUSE_S)
                await asyncio.sleep(pause)
                continue
            await self._rest(interval_s, look.is_busy)

    async def _rest(self, interval_s: float, is_busy: bool) -> None:
        """Until the next look: soon where somebody listens or runs are active, else every few seconds."""
        rested_s = 0.0
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._soon.wait(), interval_s)
            if self._soon.is_set():
                self._soon.clear()
                return
            rested_s += interval_s
            if is_busy or rested_s >= IDLE_S or somebody_listens(self._app.serverapp.event_logger):
                return
