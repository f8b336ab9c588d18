"""A run as lines of text: one for each epoch, one for the end. No carriage returns, so that it reads well in a file."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

from ..errors import DspError
from . import format

if TYPE_CHECKING:
    from ..contract.train import Progress, Run, RunRow
    from ..platform import Platform

#: seconds between two looks: quick at first, because a short run is over soon
_SOON_S, _LATER_S, _SOON_FOR_S = 0.15, 0.5, 5.0
#: epochs that ended between two looks and are still printed one by one
_MOST_AT_ONCE = 25


class RunFailed(DspError):
    """The run that was waited for did not succeed."""

    code: ClassVar[str] = "run_failed"
    http_status: ClassVar[int] = 409


class Interrupted(KeyboardInterrupt):
    """Somebody stopped the waiting; the run goes on."""


def follow(
    platform: Platform, run_id: str, say: Callable[[str], None], *, with_log: bool = False, with_end: bool = True
) -> Run:
    """Print lines until the run ends; returns it when it succeeded.

    with_end: say how it ended, too; a caller that shows the run itself need not.
    Raises RunFailed, and Interrupted on Ctrl-C after saying that the run goes on.
    """
    printer = _Printer(platform, run_id, say, with_log)
    began = time.monotonic()
    try:
        while True:
            run: Run = platform.call("train.show", {"run_id": run_id})
            printer.show(run)
            if run.is_final:
                break
            time.sleep(_SOON_S if time.monotonic() - began < _SOON_FOR_S else _LATER_S)
    except KeyboardInterrupt:
        say(f"Not watched any more; run {run_id} goes on. End it with: dsp train stop {run_id}")
        raise Interrupted from None
    if with_end:
        say(ending(run))
    if run.state != "succeeded":
        raise failure(run)
    return run


def failure(run: Run) -> RunFailed:
    """Why the run did not succeed, as an error."""
    problem = run.problem
    message = problem.message if problem else f"The run ended: {run.state}."
    return RunFailed(
        f"Run {run.id} ({run.name}) {_ENDS.get(run.state, run.state)}: {message}",
        hint=problem.hint if problem else None,
        run_id=run.id,
        state=run.state,
        traceback=problem.traceback if problem else None,
    )


_ENDS = {"failed": "failed", "stopped": "was stopped", "killed": "was killed", "lost": "was lost"}


def ending(run: RunRow) -> str:
    """One line that says how it ended."""
    parts = [f"{run.name} · run {run.id}", how(run)]
    if run.metrics:
        parts.append(format.metrics(run.metrics, 4))
    if run.stored:
        parts.append(f"stored as {run.stored.model} v{run.stored.version}")
    if run.exported:
        parts.append(f"exported as {run.exported.name} v{run.exported.version}")
    return " · ".join(parts)


def how(run: RunRow) -> str:
    """ "succeeded after 12 s"."""
    text = _ENDS.get(run.state, run.state)
    return text if run.duration_s is None else f"{text} after {format.duration(run.duration_s)}"


def where(progress: Progress | None) -> str:
    """ "epoch 3 of 20 · 1 min left", or what it does."""
    if progress is None:
        return ""
    parts = []
    if progress.epoch:
        parts.append(f"epoch {progress.epoch}{f' of {progress.epochs}' if progress.epochs else ''}")
    if progress.phase and progress.phase != "training":
        parts.append(progress.phase)
    if progress.left_s:
        parts.append(f"{format.duration(max(progress.left_s, 1.0))} left")
    return " · ".join(parts)


class _Printer:
    """Remembers what was printed."""

    def __init__(self, platform: Platform, run_id: str, say: Callable[[str], None], with_log: bool) -> None:
        self._platform = platform
        self._run_id = run_id
        self._say = say
        self._with_log = with_log
        self._log_at = 0
        self._phase = ""
        self._epochs: set[float] = set()
        self._seen: Any = None
        self._warnings: set[str] = set()
        self._is_named = False

    def show(self, run: Run) -> None:
        if not self._is_named:
            self._is_named = True
            params = format.pairs(run.params, 6)
            self._say(f"{run.name} · run {run.id}{f' · {params}' if params else ''}")
        if self._with_log:
            self._show_log()
        progress = run.progress
        seen = (progress.epoch if progress else None, run.metrics, run.is_final)
        if seen != self._seen:
            self._seen = seen
            self._show_epochs(run)
        phase = progress.phase if progress else ""
        if phase and phase != self._phase and phase != "training" and not run.is_final:
            self._say(phase)
        self._phase = phase
        for warning in run.warnings:
            if warning not in self._warnings:
                self._warnings.add(warning)
                self._say(f"warning: {format.plain(warning)}")

    def _show_epochs(self, run: Run) -> None:
        curves = self._platform.call("train.curves", {"run_id": self._run_id, "points": 10_000})
        rows: dict[float, dict[str, float | None]] = {}
        for series in curves.series:
            if series.unit == "epoch":
                for x, y in zip(series.x, series.y, strict=True):
                    if x not in self._epochs:
                        rows.setdefault(x, {})[series.name] = y
        fresh = sorted(rows)
        self._epochs.update(fresh)
        if len(fresh) > _MOST_AT_ONCE:
            self._say(f"... {len(fresh) - _MOST_AT_ONCE} more epochs")
            fresh = fresh[-_MOST_AT_ONCE:]
        for x in fresh:
            self._say(self._epoch_line(x, rows[x], run.progress, is_newest=x == fresh[-1]))

    def _epoch_line(self, x: float, values: dict[str, float | None], progress: Progress | None, is_newest: bool) -> str:
        total = f" of {progress.epochs}" if progress and progress.epochs and x <= progress.epochs else ""
        shown = {name: value for name, value in values.items() if name != "learning_rate"}
        parts = [f"epoch {x:g}{total}", format.pairs(shown, 6)]
        if is_newest and progress and progress.left_s:
            parts.append(f"{format.duration(max(progress.left_s, 1.0))} left")
        return " · ".join(parts)

    def _show_log(self) -> None:
        while True:
            chunk = self._platform.call("train.log", {"run_id": self._run_id, "after": self._log_at})
            if chunk.next <= self._log_at:
                return
            self._log_at = chunk.next
            for line in chunk.text.splitlines():
                # a progress bar redraws its line; its last state is what counts
                self._say(f"  | {format.plain(line.rsplit(chr(13), 1)[-1].replace(chr(8), ''))}")
