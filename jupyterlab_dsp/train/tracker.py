"""The job's side of a run: facts, metrics and progress, written where others can follow them.

Nothing here may end or slow the training that it reports: a full disk costs metrics and leaves a warning, and
``live.json`` is written by a thread of its own.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..eventlog import EventLog
from ..plain import to_plain
from .folder import EVENTS, LIVE, write_text

#: seconds between two writes of ``live.json``, and between two step events of one metric
LIVE_INTERVAL_S = 0.5
STEP_INTERVAL_S = 0.25
#: points that ``dsp.log`` keeps of a metric, all of them; later ones are thinned like the steps of a ``fit``
DENSE_POINTS = 10_000
#: data sets that a run lists; a loop over batches would otherwise list each of them
MOST_DATA = 100


class Tracker:
    """Collects what is known of the run. Safe from any thread.

    facts: what the finished run record takes over as it is (compile, summary, signature, data, ...).
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._events = EventLog(folder / EVENTS)
        self._fit: _Fit | None = None
        self._step_written = 0.0
        self._global_step = 0
        self._last_x: dict[str, float] = {}
        self._logged: dict[tuple[str, ...], _Logged] = {}
        self.metrics: dict[str, float | None] = {}
        self.progress: dict[str, Any] = {}
        self.facts: dict[str, Any] = {}
        self.data: list[dict[str, Any]] = []
        self.artifacts: list[dict[str, Any]] = []
        self.warnings: list[str] = []
        self._make_locks()
        # another thread may hold a lock when the cells fork; in the child nobody would ever free it
        os.register_at_fork(after_in_child=self._make_locks)
        threading.Thread(target=self._write_live, name="dsp-live", daemon=True).start()

    def _make_locks(self) -> None:
        self._lock = threading.RLock()
        self._changed = threading.Event()

    # -- what everybody says -------------------------------------------------------------------------------

    def phase(self, text: str) -> None:
        """Say what the run does now."""
        with self._change():
            self.progress["phase"] = text
            self._event("phase", text=text)

    def fact(self, **facts: Any) -> None:
        """Remember facts; a later one of the same name wins."""
        with self._change():
            self.facts.update({name: to_plain(value) for name, value in facts.items()})

    def warn(self, text: str) -> None:
        """Tell the user something that does not end the run."""
        with self._change():
            if text not in self.warnings:
                self.warnings.append(text)
                self._event("warning", text=text)

    def add_data(self, entry: dict[str, Any]) -> None:
        """Remember data that the run read; the same data twice counts once."""
        with self._change():
            if len(self.data) >= MOST_DATA:
                self.warn(f"The run read more than {MOST_DATA} data sets; the first {MOST_DATA} are listed.")
            elif entry not in self.data:
                self.data.append(entry)

    def add_artifact(self, entry: dict[str, Any]) -> None:
        """Remember a stored artifact; a later one of the same path wins."""
        with self._change():
            self.artifacts = [old for old in self.artifacts if old["path"] != entry["path"]] + [entry]

    def log(self, values: dict[str, float], step: float | None = None) -> None:
        """Metrics at a point of the step axis. ``step`` None: one after the last of these names."""
        with self._change():
            if step is None:
                step = max((self._last_x.get(name, 0) for name in values), default=0) + 1
            self._last_x.update(dict.fromkeys(values, step))
            clean = _finite(values)
            self.metrics.update(clean)
            names = tuple(clean)
            logged = self._logged.setdefault(names, _Logged())
            now = time.monotonic()
            logged.count += 1
            if logged.count > DENSE_POINTS and now - logged.written < STEP_INTERVAL_S:
                logged.pending = (step, clean)
                return
            logged.written, logged.pending = now, None
            self._event("metrics", unit="step", x=step, values=clean)

    # -- fit -----------------------------------------------------------------------------------------------

    def begin_fit(self, epochs: int, steps: int | None) -> None:
        """A ``fit`` begins: ``epochs`` in all, ``steps`` each (None: not known before the first epoch ends)."""
        with self._change():
            self._fit = _Fit(epochs, steps, self._global_step)
            self.progress = {
                "epoch": 0,
                "epochs": epochs,
                "step": 0,
                "steps": steps,
                "left_s": None,
                "phase": "training",
            }
            self._event("fit", epochs=epochs, steps=steps)

    def begin_epoch(self, epoch: int) -> None:
        """``epoch`` counts from 1."""
        with self._change():
            self.progress.update(epoch=epoch, step=0)
            if self._fit:
                self._fit.begin_epoch(epoch, self._global_step)

    def end_step(self, step: int, values: dict[str, Any] | None) -> None:
        """``step`` counts from 1 within the epoch. Called for each batch, from any thread: cheap unless it is due."""
        fit = self._fit
        if fit is None:
            return
        self._global_step = fit.step_at_epoch + step
        now = time.monotonic()
        if now - self._step_written < STEP_INTERVAL_S:
            return
        with self._change():
            self._step_written = now
            self.progress["step"] = step
            self.progress["left_s"] = fit.left_s(self.progress.get("epoch") or 1, step)
            if values:
                self._event("metrics", unit="step", x=fit.step_at_epoch + step, values=_finite(_numbers(values)))

    def end_epoch(self, epoch: int, values: dict[str, Any]) -> None:
        """All metrics of an epoch that ended."""
        with self._change():
            if fit := self._fit:
                done = self._global_step - fit.step_at_epoch
                if fit.steps is None and done > 0:
                    fit.steps = self.progress["steps"] = done
                self.progress["step"] = done
                self.progress["left_s"] = fit.left_s(epoch + 1, 0)
            clean = _finite(_numbers(values))
            if clean:
                self._event("metrics", unit="epoch", x=epoch, values=clean)
                self.metrics.update(clean)

    def end_fit(self) -> None:
        """A ``fit`` ended."""
        with self._change():
            self._fit = None
            self.progress.update(left_s=None, phase="")

    # -- state ---------------------------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """All that is known now, as the run record takes it over."""
        with self._lock:
            return {
                **self.facts,
                "metrics": dict(self.metrics),
                "progress": dict(self.progress) or None,
                "data": list(self.data),
                "artifacts": list(self.artifacts),
                "warnings": list(self.warnings),
            }

    def flush(self) -> None:
        """Write the points that thinning held back, so that each curve ends where it ended."""
        with self._lock:
            for logged in self._logged.values():
                if logged.pending:
                    step, clean = logged.pending
                    logged.pending = None
                    self._event("metrics", unit="step", x=step, values=clean)

    @contextlib.contextmanager
    def _change(self) -> Iterator[None]:
        with self._lock:
            yield
        self._changed.set()

    def _event(self, type_: str, **fields: Any) -> None:
        try:
            self._events.write(type_, **fields)
        except OSError as error:
            self._complain(error)

    def _write_live(self) -> None:
        while True:
            self._changed.wait()
            self._changed.clear()
            with self._lock:
                text = json.dumps(self.state(), default=str)
            try:
                write_text(self._folder / LIVE, text, sync=False)
            except OSError as error:
                self._complain(error)
            time.sleep(LIVE_INTERVAL_S)

    def _complain(self, error: OSError) -> None:
        text = f"Metrics or progress of this run could not be written: {error.strerror or error}."
        with self._lock:
            if text in self.warnings:
                return
            self.warnings.append(text)
        with contextlib.suppress(OSError, ValueError, AttributeError):
            print(text, file=sys.__stderr__)


class _Logged:
    """Points of metrics that are logged together, and the last one that is not written yet."""

    def __init__(self) -> None:
        self.count = 0
        self.written = 0.0
        self.pending: tuple[float, dict[str, float | None]] | None = None


class _Fit:
    """Times and steps of one ``fit``, for the step axis and the estimate of what is left."""

    def __init__(self, epochs: int, steps: int | None, step_at_start: int) -> None:
        self.epochs = epochs
        self.steps = steps
        self.started = time.monotonic()
        self.step_at_epoch = step_at_start
        self.first_epoch = 0

    def begin_epoch(self, epoch: int, global_step: int) -> None:
        self.first_epoch = self.first_epoch or epoch
        self.step_at_epoch = global_step

    def left_s(self, epoch: int, step: int) -> float | None:
        """Seconds left at the pace so far; None before there is a pace."""
        first = self.first_epoch or 1
        done = epoch - first + (step / self.steps if self.steps else 0.0)
        if done <= 0:
            return None
        total = self.epochs - first + 1
        return round((time.monotonic() - self.started) / done * max(total - done, 0.0), 1)


def _finite(values: dict[str, float]) -> dict[str, float | None]:
    return {name: value if math.isfinite(value) else None for name, value in values.items()}


def _numbers(values: dict[str, Any]) -> dict[str, float]:
    numbers: dict[str, float] = {}
    for name, value in values.items():
        try:
            numbers[str(name)] = float(value)
        except (TypeError, ValueError):
            continue  # Keras logs may hold arrays (per-class metrics): not a curve
    return numbers
