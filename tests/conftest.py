"""Fixtures that every folder of tests may use."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from jupyterlab_dsp.platform import Platform
from jupyterlab_dsp.settings import Settings


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Platform]:
    """A real platform, with real records and store, on a home of its own."""
    made = Platform(Settings(home=tmp_path / "home", user="tester"))
    yield made
    made.close()
