"""Runs on a real platform: real records, real store, real processes, in a home of the test's own."""

from __future__ import annotations

import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from jupyterlab_dsp.contract.train import FINAL_STATES, Run
from jupyterlab_dsp.platform import Platform
from jupyterlab_dsp.settings import Settings


@pytest.fixture
def platform(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Platform]:
    monkeypatch.setenv("DSP_HOME", str(tmp_path / "home"))
    made = Platform(Settings(home=tmp_path / "home"))
    yield made
    for run_id in made.train.settle_active():
        made.call("train.stop", {"run_id": run_id})
    deadline = time.monotonic() + 20
    while made.train.settle_active() and time.monotonic() < deadline:
        time.sleep(0.05)
    made.close()


def notebook(*sources: str) -> list[dict[str, Any]]:
    """Code cells as the contract takes them; ids c1, c2, ..."""
    return [
        {"id": f"c{number}", "source": textwrap.dedent(source).strip("\n"), "index": number - 1}
        for number, source in enumerate(sources, 1)
    ]


@pytest.fixture
def submit(platform: Platform) -> Callable[..., Run]:
    """Submit cells, the last one as the target."""

    def call(*sources: str, **fields: Any) -> Run:
        cells = notebook(*sources)
        request = {"name": "m", "cells": cells, "target": cells[-1]["id"], **fields}
        run: Run = platform.call("train.submit", request)
        return run

    return call


@pytest.fixture
def finish(platform: Platform) -> Callable[[Run], Run]:
    """Wait until the run is final."""

    def call(run: Run, timeout_s: float = 120.0) -> Run:
        deadline = time.monotonic() + timeout_s
        while True:
            now: Run = platform.call("train.show", {"run_id": run.id})
            if now.state in FINAL_STATES:
                return now
            if time.monotonic() > deadline:
                log = platform.call("train.log", {"run_id": run.id}).text
                raise AssertionError(f"run {run.id} is still {now.state} after {timeout_s} s:\n{log}")
            time.sleep(0.05)

    return call
