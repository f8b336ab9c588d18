"""The command line as its users have it: a process with a home of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from .typed_dsp import Dsp

NOTEBOOK = {
    "nbformat": 4,
    "nbformat_minor": 5,
    "metadata": {},
    "cells": [
        {"cell_type": "markdown", "id": "title", "metadata": {}, "source": ["# Title"]},
        {"cell_type": "code", "id": "data", "metadata": {}, "outputs": [], "execution_count": None,
         "source": ["%load_ext jupyterlab_dsp\n", "rows = [1, 2, 3]\n", "factor = 2"]},
        {"cell_type": "code", "id": "train", "metadata": {}, "outputs": [], "execution_count": None,
         "source": ["%%dsp train --name sums -p factor=5 --no-store --tag origin=cell\n",
                    "import jupyterlab_dsp as dsp\n",
                    "total = sum(rows) * factor\n", "print('total', total)\n", "dsp.log(total=total)"]},
        {"cell_type": "code", "id": "fails", "metadata": {}, "outputs": [], "execution_count": None,
         "source": ["# the third line is wrong\n", "a = rows\n", "a.no_such_thing()"]},
        {"cell_type": "code", "id": "long", "metadata": {}, "outputs": [], "execution_count": None,
         "source": ["import time\n", "time.sleep(600)"]},
    ],
}  # fmt: skip


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working folder with a notebook, and the home in it."""
    folder = tmp_path_factory.mktemp("dsp-cli")
    (folder / "sums.ipynb").write_text(json.dumps(NOTEBOOK))
    return folder


@pytest.fixture(scope="session")
def environment(place: Path) -> dict[str, str]:
    return {**os.environ, "DSP_HOME": str(place / "home"), "COLUMNS": "120", "PYTHONUNBUFFERED": "1"}


@pytest.fixture(scope="session")
def dsp(place: Path, environment: dict[str, str]) -> Dsp:
    """Run ``dsp`` and give back what it printed."""

    def run(*words: str, **more: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "jupyterlab_dsp.cli", *words],
            cwd=place, env=environment, capture_output=True, text=True, timeout=200, check=False, **more,
        )  # fmt: skip

    return run


@pytest.fixture(scope="session")
def trained(dsp: Dsp) -> dict[str, Any]:
    """One run that has succeeded."""
    done = dsp("train", "sums.ipynb", "--wait", "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)  # type: ignore[no-any-return]
