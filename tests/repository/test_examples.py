"""Every notebook under examples/ runs from its first cell to its last, and leaves what it promises."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = sorted((ROOT / "examples").glob("*.ipynb"))


def execute(notebook: Path, folder: Path) -> dict[str, str]:
    """Run it in ``folder`` with a home of its own; returns the environment it ran in."""
    import nbformat
    from nbclient import NotebookClient

    env = {**os.environ, "DSP_HOME": str(folder / "home"), "TF_CPP_MIN_LOG_LEVEL": "3"}
    client = NotebookClient(
        nbformat.read(notebook, as_version=4),
        timeout=600,
        kernel_name="python3",
        resources={"metadata": {"path": str(folder)}},
    )
    client.execute(env=env)
    return env


@pytest.mark.slow
@pytest.mark.keras
@pytest.mark.timeout(900)
@pytest.mark.parametrize("notebook", EXAMPLES, ids=lambda path: path.name)
def test_example_runs(notebook: Path, tmp_path: Path) -> None:
    env = execute(notebook, tmp_path)
    if notebook.name != "tour.ipynb":
        return
    listed = subprocess.run(
        [sys.executable, "-m", "jupyterlab_dsp.cli.main", "train", "list", "--json"],
        env=env, capture_output=True, text=True, check=True,
    )  # fmt: skip
    runs = json.loads(listed.stdout)["items"]
    assert [run["state"] for run in runs] == ["succeeded", "succeeded"]
    assert [run["stored"]["version"] for run in runs] == [2, 1]


def test_there_are_examples() -> None:
    assert EXAMPLES
