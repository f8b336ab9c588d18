"""The job's side of a run: facts, metrics and progress, written where others can follow them."""

from __future__ import annotations

import math
import threading
import time
from pathlib import Path
from typing import Any

from ..eventlog import EventLog
from .folder import EVENTS, LIVE, write_json

#: seconds between two writes of ``live.json``, and between two step events of one metric
LIVE_INTERVAL_S = 0.5
STEP_INTERVAL_S = 0.25


class Tracker:
    """Collects what is known of the run. Safe from any thread.

    facts: what the finished run record takes over as it is (compile, summary, signature, data, ...).
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._events = EventLog(folder / EVENTS)
        self._lock = threading.RLock()
        self._written = 0.0
        self._step_written = 0.0
        self._global_step = 0
        self._fit: _Fit | None = None
        self.metrics: dict[str, float | None] = {}
        self.progress: dict[str, Any] = {}
        self.facts: dict[str, Any] = {}
        self.data: list[dict[str, Any]] = []
        self.artifacts: list[dict[str, Any]] = []
        self.warnings: list[str] = []

    def phase(self, text: str) -> None:
        """Say what the run does now."""
        with self._lock:
            self.progress["phase"] = text
            self._events.write("phase", text=text)
            self._publish(force=True)

    def fact(self, **facts: Any) -> None:
        """Remember facts; a later one of the same name wins."""
        with self._lock:
            self.facts.update(facts)
            self._publish(force=True)

    def warn(self, text: str) -> None:
        """Tell the user something that does not end the run."""
        with self._lock:
            if text not in self.warnings:
                self.warnings.append(text)
                self._events.write("warning", text=text)

    def add_data(self, entry: dict[str, Any]) -> None:
        """Remember data that the run read; the same data twice counts once."""
        with self._lock:
            if entry not in self.data:
                self.data.append(entry)
                self._publish(force=True)

    def add_artifact(self, entry: dict[str, Any]) -> None:
        """Remember a stored artifact; a later one of the same path wins."""
        with self._lock:
            self.artifacts = [old for old in self.artifacts if old["path"] != entry["path"]] + [entry]
            self._publish(force=True)

    def log(self, values: dict[str, float], step: float | None, unit: str = "step") -> None:
        """Metrics at a point of one axis. ``step`` None: one after the last of these names."""
        with self._lock:
            if step is None:
                self._global_step += 1
                step = self._global_step
            self._record(unit, step, values)
            self._publish(force=unit == "epoch")

    def begin_fit(self, epochs: int, steps: int | None) -> None:
        """A ``fit`` begins: ``epochs`` in all, ``steps`` each (None: not known before the first epoch ends)."""
        with self._lock:
            self._fit = _Fit(epochs, steps, time.monotonic(), self._global_step)
            self.progress = {
                "epoch": 0,
                "epochs": epochs,
                "step": 0,
                "steps": steps,
                "left_s": None,
                "phase": "training",
            }
            self._events.write("fit", epochs=epochs, steps=steps)
            self._publish(force=True)

    def begin_epoch(self, epoch: int) -> None:
        """``epoch`` counts from 1."""
        with self._lock:
            self.progress.update(epoch=epoch, step=0)
            if self._fit:
                self._fit.first_epoch = self._fit.first_epoch or epoch
            self._publish()

    def end_step(self, step: int, values: dict[str, Any] | None) -> None:
        """``step`` counts from 1 within the epoch. Called for each batch: cheap unless it is time to write."""
        now = time.monotonic()
        self._global_step += 1
        if now - self._step_written < STEP_INTERVAL_S:
            return
        with self._lock:
            self._step_written = now
            self.progress["step"] = step
            if self._fit:
                self.progress["left_s"] = self._fit.left_s(self.progress["epoch"], step, now)
            if values:
                self._record("step", self._global_step, _numbers(values), last=False)
            self._publish()

    def end_epoch(self, epoch: int, values: dict[str, Any]) -> None:
        """All metrics of an epoch that ended."""
        with self._lock:
            if self._fit:
                if self._fit.steps is None and self.progress.get("step"):
                    self._fit.steps = self._global_step - self._fit.step_at_start
                    self.progress["steps"] = self._fit.steps
                self.progress["left_s"] = self._fit.left_s(epoch + 1, 0, time.monotonic())
            self._record("epoch", epoch, _numbers(values))
            self._publish(force=True)

    def end_fit(self) -> None:
        """A ``fit`` ended."""
        with self._lock:
            self._fit = None
            self.progress.update(left_s=None, phase="")
            self._publish(force=True)

    def _record(self, unit: str, x: float, values: dict[str, float], last: bool = True) -> None:
        if not values:
            return
        clean = {name: value if math.isfinite(value) else None for name, value in values.items()}
        self._events.write("metrics", unit=unit, x=x, values=clean)
        if last:
            self.metrics.update(clean)

    def _publish(self, force: bool = False) -> None:
        now = time.monotonic()
        if not force and now - self._written < LIVE_INTERVAL_S:
            return
        self._written = now
        write_json(self._folder / LIVE, self.state(), sync=False)

    def state(self) -> dict[str, Any]:
        """All that is known now, as the run record takes it over."""
        return {
            **self.facts,
            "metrics": self.metrics,
            "progress": self.progress or None,
            "data": self.data,
            "artifacts": self.artifacts,
            "warnings": self.warnings,
        }


class _Fit:
    """Times of one ``fit``, for the estimate of what is left."""

    def __init__(self, epochs: int, steps: int | None, started: float, step_at_start: int) -> None:
        self.epochs = epochs
        self.steps = steps
        self.started = started
        self.step_at_start = step_at_start
        self.first_epoch = 0

    def left_s(self, epoch: int, step: int, now: float) -> float | None:
        """Seconds left at the pace so far; None before there is a pace."""
        done = epoch - (self.first_epoch or 1) + (step / self.steps if self.steps else 0.0)
        total = self.epochs - (self.first_epoch or 1) + 1
        if done <= 0:
            return None
        return round((now - self.started) / done * max(total - done, 0.0), 1)


def _numbers(values: dict[str, Any]) -> dict[str, float]:
    numbers: dict[str, float] = {}
    for name, value in values.items():
        try:
            numbers[str(name)] = float(value)
        except (TypeError, ValueError):
            continue  # Keras logs may hold arrays (per-class metrics): not a curve
    return numbers
