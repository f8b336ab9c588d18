"""The run that this process is, if it is one. Set by the job, read by ``dsp.log`` and friends."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..platform import Platform
    from .tracker import Tracker


class CurrentRun:
    """This process's run."""

    def __init__(self, run_id: str, name: str, folder: Path, tracker: Tracker) -> None:
        self.run_id = run_id
        self.name = name
        self.folder = folder
        self.tracker = tracker

    @cached_property
    def platform(self) -> Platform:
        """Made when it is first needed, mostly after the cells: its imports would delay the first step."""
        from ..platform import Platform

        return Platform()

    def close(self) -> None:
        """Release what ``platform`` holds, if it was ever needed."""
        if "platform" in self.__dict__:
            self.platform.close()


_current: CurrentRun | None = None


def current_run() -> CurrentRun | None:
    """The run that this process is, or None in a notebook or script of one's own."""
    return _current


def set_current_run(run: CurrentRun | None) -> None:
    """Called by the job once, before any user code."""
    global _current
    _current = run
