"""What is made from the code is what the code would make now."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def generate(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "scripts/lib/generate.py", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )


def test_nothing_generated_is_stale() -> None:
    # scripts/test always has the npm packages; a plain `pytest` in a bare checkout checks the rest
    typescript = () if (ROOT / "node_modules/.bin/openapi-typescript").exists() else ("--no-typescript",)
    done = generate("--check", *typescript)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_stale_file_is_named(tmp_path: Path) -> None:
    page = ROOT / "docs/reference/left_over_of_a_test.md"
    page.write_text("not generated")
    try:
        done = generate("--check", "--no-typescript")
    finally:
        page.unlink()
    assert done.returncode == 1
    assert page.name in done.stdout


@pytest.mark.parametrize("page", sorted((ROOT / "docs/reference").glob("*.md")), ids=lambda page: page.name)
def test_reference_leaves_nothing_unexplained(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert "Not built yet" not in text
    empty = [line for line in text.splitlines() if line.startswith("| `") and line.endswith("|  |")]
    assert not empty, f"no description: {empty}"
