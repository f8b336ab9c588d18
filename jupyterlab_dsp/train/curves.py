"""Curves of a run from its event log, thinned so that a long run draws as fast as a short one."""

from __future__ import annotations

import threading
from pathlib import Path

from ..contract.train import Series
from ..eventlog import read_events


class CurveReader:
    """The curves of one run; each look reads on from where the last one ended. Safe from any thread.

    Where a second ``fit`` counts its epochs from 1 again, its curve goes on from the end of the first.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0
        self._curves: dict[tuple[str, str], _Curve] = {}
        self._lock = threading.Lock()

    def series(self, points: int) -> list[Series]:
        """All curves as they are now; ``points`` of each at most."""
        with self._lock:
            self._read_on()
            thinned = [(key, thin(curve.xs, curve.ys, points)) for key, curve in self._curves.items()]
        return [
            Series(name=name, unit="epoch" if unit == "epoch" else "step", x=xs, y=ys)
            for (name, unit), (xs, ys) in thinned
        ]

    def _read_on(self) -> None:
        while True:
            events, offset = read_events(self._path, self._offset)
            if offset == self._offset:
                return
            self._offset = offset
            for event in events:
                if event.get("type") == "fit":
                    for curve in self._curves.values():
                        curve.is_new_fit = True
                elif event.get("type") == "metrics":
                    unit = "epoch" if event.get("unit") == "epoch" else "step"
                    for name, value in event.get("values", {}).items():
                        self._curves.setdefault((name, unit), _Curve()).add(float(event["x"]), value, unit)


class _Curve:
    """One curve while it is read."""

    def __init__(self) -> None:
        self.xs: list[float] = []
        self.ys: list[float | None] = []
        self.base = 0.0
        self.is_new_fit = False

    def add(self, x: float, y: float | None, unit: str) -> None:
        if self.is_new_fit:
            self.is_new_fit = False
            # fit(initial_epoch=5) goes on counting by itself
            if unit == "epoch" and self.xs and x + self.base <= self.xs[-1]:
                self.base = self.xs[-1]
        self.xs.append(x + self.base)
        self.ys.append(y)


def thin(xs: list[float], ys: list[float | None], points: int) -> tuple[list[float], list[float | None]]:
    """At most ``points`` of a curve: of each stretch its lowest and highest value, so that no peak is lost."""
    if len(xs) <= points:
        return list(xs), list(ys)
    stretch = len(xs) / max(points // 2, 1)
    keep: set[int] = {0, len(xs) - 1}
    for part in range(points // 2 - 1):
        indices = range(int(part * stretch), min(int((part + 1) * stretch), len(xs)))
        known = [index for index in indices if ys[index] is not None]
        if known:
            keep.add(min(known, key=lambda index: ys[index] or 0.0))
            keep.add(max(known, key=lambda index: ys[index] or 0.0))
        elif indices:
            keep.add(indices[0])
    chosen = sorted(keep)
    return [xs[index] for index in chosen], [ys[index] for index in chosen]
