"""Curves of a run from its event log, thinned so that a long run draws as fast as a short one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..contract.train import Series
from ..eventlog import read_events


def read_series(path: Path, points: int) -> list[Series]:
    """All curves; ``points`` of each at most.

    Where an epoch appears twice (a second ``fit``, a restart) the x axis goes on from the end of the first.
    """
    raw: dict[tuple[str, str], tuple[list[float], list[float | None]]] = {}
    offset = 0
    base: dict[tuple[str, str], float] = {}
    while True:
        events, next_offset = read_events(path, offset)
        if next_offset == offset:
            break
        offset = next_offset
        for event in events:
            if event.get("type") == "fit":
                for key, (xs, _) in raw.items():
                    if key[1] == "epoch" and xs:
                        base[key] = xs[-1]
            elif event.get("type") == "metrics":
                _add(raw, base, event)
    return [
        Series(name=name, unit="epoch" if unit == "epoch" else "step", x=xs, y=ys)
        for (name, unit), (xs, ys) in ((key, thin(*values, points)) for key, values in raw.items())
    ]


def _add(raw: dict[Any, Any], base: dict[Any, float], event: dict[str, Any]) -> None:
    unit = event.get("unit", "step")
    for name, value in event.get("values", {}).items():
        key = (name, unit)
        xs, ys = raw.setdefault(key, ([], []))
        xs.append(float(event["x"]) + base.get(key, 0.0))
        ys.append(value)


def thin(xs: list[float], ys: list[float | None], points: int) -> tuple[list[float], list[float | None]]:
    """At most ``points`` of a curve: of each stretch its lowest and highest value, so that no peak is lost."""
    if len(xs) <= points:
        return xs, ys
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
