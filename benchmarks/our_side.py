"""What the bench asks of us; runs in a worker with ``DSP_HOME`` set."""

from __future__ import annotations

import itertools
import random
import sys
import time
from functools import cache
from pathlib import Path
from typing import Any

from .keras_models import model

_count = itertools.count()
_STARTERS = ("subprocess.Popen", "os.system", "os.posix_spawn", "os.fork", "os.exec", "os.spawn")


@cache
def platform() -> Any:
    from jupyterlab_dsp import Platform

    return Platform()


def prepare(size: str) -> None:
    model(size)
    save(size)


def save(size: str) -> None:
    """Save and register with our defaults: requirements and environment recorded."""
    import jupyterlab_dsp as dsp

    dsp.save(model(size), f"bench-{size}", metrics={"val_accuracy": next(_count) / 1e6})


def change_weights(size: str) -> None:
    """Not measured: gives each weight another value."""
    for weights in model(size).weights:
        weights.assign(weights + 1e-3)


def processes_started(size: str) -> int:
    """Processes that one save starts, by Python's own audit events."""
    seen: list[str] = []
    watching = True

    def hook(event: str, _: Any) -> None:
        if watching and event.startswith(_STARTERS):
            seen.append(event)

    sys.addaudithook(hook)
    save(size)
    watching = False
    return len(seen)


def copy(size: str) -> None:
    """A new version with other metadata and the same files."""
    platform().model.copy_version(f"bench-{size}", metrics={"val_accuracy": next(_count) / 1e6})


def stored_bytes() -> int:
    """Bytes of all blobs."""
    return sum(blob.size_bytes for blob in platform().store.blobs())


def files_bytes() -> int:
    """Bytes of all files of the store on the disk."""
    root = platform().paths.store
    return sum(file.stat().st_size for file in Path(root).rglob("*") if file.is_file())


def fill_versions(count: int, models: int) -> None:
    """``count`` versions over ``models`` models, written by the records plug-in as a version is."""
    platform().model.add_version("seed", _tiny(), format="pickle", metrics={"val_accuracy": 0.5}, tags={"stage": "dev"})
    doc = dict(platform().records.get("version", f"{1:010}", scope="seed").doc)
    chance = random.Random(0)
    for name in (f"m{number}" for number in range(models)):
        if platform().records.get("model", name) is None:
            parent = dict(platform().records.get("model", "seed").doc)
            platform().records.put("model", name, {**parent, "name": name})
    for number in range(count):
        name = f"m{number % models}"
        tags = {"stage": "prod" if number % 10 == 0 else "dev", "team": f"t{number % 5}", "n": str(number)}
        fresh = {**doc, "model": name, "tags": tags, "metrics": {"val_accuracy": chance.random()}}
        platform().records.append("version", fresh, scope=name, number_field="version")


def _tiny() -> Any:
    from jupyterlab_dsp.model.plugin import Saved, SavedFile

    return Saved(files=[SavedFile("model.pkl", b"tiny")])


def fill_runs(count: int) -> None:
    """``count`` runs with five metrics, five parameters and three tags, as a run that succeeded is stored."""
    chance = random.Random(0)
    now = time.time()
    for number in range(count):
        run_id = f"{number:012x}"
        at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now - count + number)) + ".000000Z"
        platform().records.put("run", run_id, {
            "id": run_id, "name": "bench", "state": "succeeded", "is_final": True, "created_at": at, "started_at": at,
            "ended_at": at, "created_by": "bench", "duration_s": 1.0, "message": "", "notebook": "bench.ipynb",
            "purpose": "train", "engine": "process", "params": {f"p{n}": f"v{chance.randrange(10)}" for n in range(5)},
            "metrics": {f"m{n}": chance.random() for n in range(5)}, "tags": {f"t{n}": str(number) for n in range(3)},
            "target": "c", "cells": [], "spec_digest": "blake3:" + "0" * 64, "environment": {"python": "3.11"},
        })  # fmt: skip


def make_race_model() -> None:
    platform().model.add_version("race", _tiny(), format="pickle")


def race(start_at: float, count: int) -> list[float]:
    """Add ``count`` versions to one model from ``start_at`` on; seconds of each."""
    service = platform().model
    service.resolve  # noqa: B018 - import before the start
    while time.time() < start_at:
        time.sleep(0.001)
    waits = []
    for _ in range(count):
        began = time.perf_counter()
        service.copy_version("race@1")
        waits.append(time.perf_counter() - began)
    return waits


def race_versions() -> list[int]:
    """Version numbers of the raced model."""
    numbers: list[int] = []
    cursor = None
    while True:
        page = platform().call("model.versions", {"model": "race", "limit": 1000, "cursor": cursor})
        numbers += [row.version for row in page.items]
        cursor = page.next_cursor
        if cursor is None:
            return sorted(numbers)
