"""A real IPython shell, and a real kernel, each with a home of its own."""

from __future__ import annotations

import atexit
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jupyterlab_dsp import api
from jupyterlab_dsp.platform import Platform
from jupyterlab_dsp.settings import Settings


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Home and working folder of the test."""
    monkeypatch.setenv("DSP_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "home"


@pytest.fixture
def shell(home: Path) -> Iterator[Any]:
    """IPython with the extension, whose magics work on a platform of the test's own."""
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    from jupyterlab_dsp.magics import extension

    main = sys.modules["__main__"]  # a shell puts its own there, and who starts processes afterwards needs the real one
    config = Config()
    config.HistoryManager.hist_file = ":memory:"
    made = InteractiveShell(config=config)
    made.run_line_magic("load_ext", "jupyterlab_dsp")
    platform = Platform(Settings(home=home, user="tester"))
    api.use(platform)
    yield made
    api.use(None)
    platform.close()
    extension._loaded.clear()
    atexit.unregister(made.atexit_operations)
    made.atexit_operations()
    sys.modules["__main__"] = main


@pytest.fixture
def notebook(shell: Any) -> Any:
    """What the extension knows of the notebook."""
    from jupyterlab_dsp.magics.notebook import current_notebook

    return current_notebook()
