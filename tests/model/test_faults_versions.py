"""Killed writers and purgers, and many writers at once."""

from __future__ import annotations

import multiprocessing
import random
import time
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path

import fault_worker
import pytest

from jupyterlab_dsp.model.catalog import Catalog
from jupyterlab_dsp.platform import Platform


@pytest.fixture(scope="module")
def context() -> ForkServerContext:
    """Starts a process in milliseconds: what is imported is imported once."""
    made = multiprocessing.get_context("forkserver")
    made.set_forkserver_preload(["fault_worker", "jupyterlab_dsp.model.service", "jupyterlab_dsp.sqlite_records"])
    return made


def start(context: ForkServerContext, platform: Platform, role: str, seed: int, out: Path) -> ForkServerProcess:
    process = context.Process(target=fault_worker.work, args=(str(platform.settings.home), role, seed, str(out)))
    process.start()
    return process


@pytest.mark.slow
def test_32_processes_add_640_consecutive_versions(
    platform: Platform, context: ForkServerContext, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    workers = [start(context, platform, "add", seed, out) for seed in range(32)]
    for worker in workers:
        worker.join(240)
    assert [worker.exitcode for worker in workers] == [0] * 32
    assert sorted(int(line) for line in out.read_text().split()) == list(range(1, 641))
    versions = [record.doc["version"] for record in Catalog(platform.records).versions("m")]
    assert versions == list(range(1, 641))
    report = platform.call("model.fsck")
    assert (report.is_clean, report.versions) == (True, 640)
    model = platform.call("model.show", {"model": "m"})
    assert (model.latest_version, model.version_count, model.headline) == (640, 640, "a")


@pytest.mark.faults
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_kill_9_of_writers_and_purgers_loses_nothing(
    platform: Platform, context: ForkServerContext, tmp_path: Path
) -> None:
    """Over 100 kills at random moments, while two writers and a purger work on one model."""
    rng = random.Random(20)
    out = tmp_path / "acknowledged"
    out.touch()
    roles = ["save", "save", "purge"]
    seeds = iter(range(10_000))
    workers = [start(context, platform, role, next(seeds), out) for role in roles]
    kills = 0
    try:
        while kills < 105:
            before = out.stat().st_size
            if kills % 5:  # else it may die while it starts
                wait_until_bigger(out, before)
            time.sleep(rng.uniform(0, 0.2))
            place = rng.randrange(len(roles))
            assert workers[place].exitcode is None, "a worker ended by itself"
            workers[place].kill()
            workers[place].join()
            kills += 1
            workers[place] = start(context, platform, roles[place], next(seeds), out)
            if kills % 10 == 0:
                check(platform, out)
    finally:
        for worker in workers:
            worker.kill()
            worker.join()
    check(platform, out)
    platform.call("model.purge", {})
    report = platform.call("model.fsck")
    assert report.is_clean
    assert report.orphan_bytes == 0
    assert report.versions > 100
    assert Catalog(platform.records).version_count("m") > report.versions, "some were purged"


def wait_until_bigger(file: Path, size: int) -> None:
    deadline = time.monotonic() + 60
    while file.stat().st_size <= size:
        assert time.monotonic() < deadline, "no version was acknowledged for a minute"
        time.sleep(0.005)


def check(platform: Platform, out: Path) -> None:
    """Every acknowledged version is there, and every version that is there is whole."""
    acknowledged = [int(line) for line in out.read_text().splitlines()]
    records = {record.doc["version"]: record.doc for record in Catalog(platform.records).versions("m")}
    assert len(set(acknowledged)) == len(acknowledged)
    assert set(acknowledged) <= set(records)
    assert sorted(records) == list(range(1, len(records) + 1))
    for version, doc in records.items():
        if version % 2 == 0:
            assert doc["state"] == "active"
    report = platform.call("model.fsck")
    assert report.is_clean, report.problems
