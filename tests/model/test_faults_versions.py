"""Killed writers and purgers, and many writers at once."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from jupyterlab_dsp.model.catalog import Catalog
from jupyterlab_dsp.platform import Platform

WORKER = Path(__file__).parent / "fault_worker.py"


def start(platform: Platform, what: str, seed: int, out: Path) -> subprocess.Popen[bytes]:
    with out.open("ab") as stream:
        return subprocess.Popen(
            [sys.executable, str(WORKER), str(platform.settings.home), what, str(seed)],
            stdout=stream,
            stderr=subprocess.PIPE,
        )


@pytest.mark.slow
def test_32_processes_add_640_consecutive_versions(platform: Platform, tmp_path: Path) -> None:
    out = tmp_path / "out"
    workers = [start(platform, "add", seed, out) for seed in range(32)]
    errors = [worker.communicate(timeout=240)[1].decode() for worker in workers]
    assert [error for error in errors if error] == []
    assert all(worker.returncode == 0 for worker in workers)
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
def test_kill_9_of_writers_and_purgers_loses_nothing(platform: Platform, tmp_path: Path) -> None:
    """At least 100 kills at random moments, while two writers and a purger work on one model."""
    rng = random.Random(20)
    out = tmp_path / "acknowledged"
    roles = ["save", "save", "purge"]
    seeds = iter(range(10_000))
    workers = [start(platform, role, next(seeds), out) for role in roles]
    kills = 0
    try:
        while kills < 105:
            # start-up takes about 0.3 s: most kills hit in mid-work, some in start-up
            time.sleep(rng.uniform(0.02, 0.7))
            place = rng.randrange(len(roles))
            victim = workers[place]
            assert victim.poll() is None, victim.communicate()[1].decode()
            victim.send_signal(signal.SIGKILL)
            victim.communicate()
            kills += 1
            workers[place] = start(platform, roles[place], next(seeds), out)
            if kills % 10 == 0:
                check(platform, out)
    finally:
        for worker in workers:
            worker.kill()
            worker.communicate()
    check(platform, out)
    platform.call("model.purge", {})
    report = platform.call("model.fsck")
    assert report.is_clean
    assert report.orphan_bytes == 0
    assert report.versions > 20


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
