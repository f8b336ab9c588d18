"""The run that this process is, if it is one. Set by the job, read by ``dsp.log`` and friends."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..platform import Platform
    from .tracker import Tracker


@dataclass(slots=True)
class CurrentRun:
    """This process's run."""

    run_id: str
    name: str
    folder: Path
    tracker: Tracker
    platform: Platform


_current: CurrentRun | None = None


def current_run() -> CurrentRun | None:
    """The run that this process is, or None in a notebook or script of one's own."""
    return _current


def set_current_run(run: CurrentRun | None) -> None:
    """Called by the job once, before any user code."""
    global _current
    _current = run
