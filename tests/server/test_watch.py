"""The watcher: what a look finds, how often it tells, and how it takes errors."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from jupyterlab_dsp.paths import Paths
from jupyterlab_dsp.records import Change
from jupyterlab_dsp.settings import Settings
from jupyterlab_dsp.train.folder import EVENTS
from jupyterlab_dsp_server import watch
from jupyterlab_dsp_server.watch import MANY, Look, Watcher

RUN = "0123456789ab"


class _Records:
    """A change sequence in memory."""

    def __init__(self) -> None:
        self.log: list[Change] = []
        self.asked = 0
        self.fails = False

    def change(self, kind: str, key: str, scope: str = "", deleted: bool = False) -> None:
        self.log.append(Change(len(self.log) + 1, kind, scope, key, deleted))

    def changes(self, since: int | None, limit: int = 1000) -> tuple[int, Sequence[Change]]:
        self.asked += 1
        if self.fails:
            raise OSError("the disk is away")
        if since is None:
            return len(self.log), ()
        page = self.log[since : since + limit]
        return since + len(page), page


class _Train:
    def __init__(self) -> None:
        self.active: list[str] = []
        self.settled = 0
        self.fails = False

    def settle_active(self) -> list[str]:
        self.settled += 1
        if self.fails:
            raise OSError("the engine is away")
        return list(self.active)


class _Platform:
    def __init__(self, home: Path) -> None:
        self.records = _Records()
        self.train = _Train()
        self.paths = Paths(home)
        self.settings = Settings(home=home, watch_interval_s=0.1)


@pytest.fixture
def platform(tmp_path: Path) -> Any:
    return _Platform(tmp_path)


class _Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> _Clock:
    clock = _Clock()
    monkeypatch.setattr(watch, "time", clock)
    return clock


def _told(look: Look) -> list[tuple[str, str, str, bool]]:
    return [(event.kind, event.scope, event.key, event.deleted) for event in look.take()]


def test_old_changes_are_not_told(platform: Any) -> None:
    platform.records.change("model", "old")
    look = Look(platform)
    assert _told(look) == []
    platform.records.change("model", "new")
    platform.records.change("version", "0000000001", "new")
    platform.records.change("spec", "0000000001", "s", deleted=True)
    assert _told(look) == [
        ("model", "", "new", False),
        ("version", "new", "0000000001", False),
        ("spec", "s", "0000000001", True),
    ]
    assert _told(look) == []


def test_records_that_nobody_shows_are_not_told(platform: Any) -> None:
    look = Look(platform)
    look.take()
    platform.records.change("lock", "x")
    assert _told(look) == []


def test_flood_becomes_one_event(platform: Any) -> None:
    look = Look(platform)
    look.take()
    for number in range(3500):
        platform.records.change("version", f"{number:010}", "big")
    platform.records.change("version", "0000000001", "small")
    assert _told(look) == [("version", "big", "", False), ("version", "small", "0000000001", False)]
    for number in range(MANY):
        platform.records.change("version", f"{number:010}", "big")
    assert len(_told(look)) == MANY


def test_growing_log_of_an_active_run_is_told_twice_a_second_at_most(platform: Any, clock: _Clock) -> None:
    folder = platform.paths.run(RUN)
    folder.mkdir(parents=True)
    platform.train.active = [RUN]
    look = Look(platform)
    look.take()
    told = 0
    for tick in range(100):  # ten seconds
        clock.now += 0.1
        with (folder / EVENTS).open("a") as file:
            file.write(f"{tick}\n")
        if tick % 3 == 0:
            platform.records.change("run", RUN)
        events = _told(look)
        assert all(event == ("run", "", RUN, False) for event in events)
        told += len(events)
    assert 15 <= told <= 20


def test_last_word_of_a_run_is_not_swallowed_by_the_limit(platform: Any, clock: _Clock) -> None:
    look = Look(platform)
    look.take()
    platform.records.change("run", RUN)
    assert len(_told(look)) == 1
    clock.now += 0.1
    platform.records.change("run", RUN)
    assert _told(look) == []
    clock.now += 0.5
    assert _told(look) == [("run", "", RUN, False)]


def test_quiet_run_is_not_told(platform: Any, clock: _Clock) -> None:
    platform.paths.run(RUN).mkdir(parents=True)
    platform.train.active = [RUN]
    look = Look(platform)
    look.take()
    for _ in range(20):
        clock.now += 1
        assert _told(look) == []


def test_runs_are_settled_at_each_look_while_active_and_seldom_otherwise(platform: Any, clock: _Clock) -> None:
    look = Look(platform)
    for _ in range(100):
        clock.now += 0.1
        look.take()
    assert platform.train.settled in (2, 3)
    platform.records.change("run", RUN)
    platform.train.active = [RUN]
    look.take()
    look.take()
    before = platform.train.settled
    for _ in range(10):
        look.take()
    assert platform.train.settled == before + 10
    assert look.is_busy


def test_engine_that_fails_does_not_hide_changes(platform: Any, clock: _Clock) -> None:
    platform.train.fails = True
    look = Look(platform)
    look.take()
    assert isinstance(look.problem, OSError)
    for number in range(600):  # five minutes
        clock.now += 0.5
        platform.records.change("model", f"m{number}")
        assert len(_told(look)) == 1
    assert platform.train.settled < 10
    platform.train.fails = False
    clock.now += 61
    look.take()
    assert look.problem is None


class _App:
    """As much of the application as the watcher sees."""

    def __init__(self, platform: Any) -> None:
        from jupyter_events.logger import EventLogger

        from jupyterlab_dsp_server.events import register
        from jupyterlab_dsp_server.pool import Pool

        self.platform = platform
        self.pool = Pool()
        self.log = logging.getLogger("test-watch")
        self.serverapp = self
        self.event_logger = EventLogger()
        register(self.event_logger)


async def test_errors_are_logged_once_and_overcome(
    platform: Any, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    sleep = asyncio.sleep

    async def short(delay: float) -> None:
        pauses.append(delay)
        await sleep(0.01)

    monkeypatch.setattr(watch.asyncio, "sleep", short)
    app: Any = _App(platform)
    heard: list[Any] = []

    async def listen(logger: Any, schema_id: str, data: dict[str, Any]) -> None:
        heard.append(data)

    app.event_logger.add_listener(listener=listen)
    platform.records.fails = True
    watcher = Watcher(app)
    with caplog.at_level(logging.INFO, logger="test-watch"):
        watcher.start(asyncio.get_running_loop())
        while len(pauses) < 12:
            await sleep(0.01)
        assert len(caplog.records) == 1
        platform.records.fails = False
        while len(caplog.records) < 2:
            await sleep(0.01)
    assert pauses[:7] == [1, 2, 4, 8, 16, 32, 60]
    assert max(pauses) == 60
    platform.records.change("model", "m")
    for _ in range(100):
        await sleep(0.02)
        if heard:
            break
    assert [(data["area"], data["kind"], data["key"]) for data in heard] == [("model", "model", "m")]
    await watcher.stop()
    app.pool.close()


async def test_nobody_listens_and_nothing_runs_costs_next_to_nothing(platform: Any) -> None:
    app: Any = _App(platform)
    watcher = Watcher(app)
    watcher.start(asyncio.get_running_loop())
    await asyncio.sleep(1.5)
    asked = platform.records.asked
    assert asked <= 2, "looks are taken although nobody listens"
    watcher.look_soon()
    await asyncio.sleep(0.3)
    assert platform.records.asked == asked + 1
    await watcher.stop()
    app.pool.close()
