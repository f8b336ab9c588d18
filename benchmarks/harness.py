"""Rows, and how they are measured: A B A B, medians, and the bound on the median of the paired ratios."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

Measure = Callable[[], float]


@dataclass(frozen=True)
class Bound:
    """``ratio`` and ``difference`` are of ours and the other; ``ours`` is a limit on our own figure."""

    on: str  # ratio | difference | ours
    limit: float
    at_least: bool = False

    def __str__(self) -> str:
        return f"{self.on} {'>=' if self.at_least else '<='} {self.limit:g}"

    def holds(self, value: float) -> bool:
        return value >= self.limit if self.at_least else value <= self.limit


@dataclass
class Row:
    """One line of the table. ``spread``: smallest and largest of what the bound is on."""

    name: str
    unit: str
    ours: float
    other: float | None
    ratio: float | None
    bound: str
    holds: bool
    runs: int
    spread: tuple[float, float]
    other_name: str = ""
    note: str = ""

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass
class Options:
    """``quick``: one turn of everything and small sets, to see that it runs; its figures mean nothing."""

    quick: bool = False
    runs: int = 5
    #: called when a row ends, however it ends
    cleanups: list[Callable[[], None]] = field(default_factory=list)

    def turns(self, wanted: int | None = None) -> int:
        return 1 if self.quick else (wanted or self.runs)

    def size(self, full: int, small: int) -> int:
        return small if self.quick else full


def paired(
    name: str, unit: str, ours: Measure, other: Measure, bound: Bound, *, turns: int, other_name: str, warm: int = 1,
    note: str = "",
) -> Row:  # fmt: skip
    """Measure both in turn; each pair gives one ratio and one difference, the bound is on their median."""
    for _ in range(warm):
        other()
        ours()
    pairs = [(ours(), other()) if turn % 2 else _swapped(ours, other) for turn in range(turns)]
    return from_pairs(name, unit, pairs, bound, other_name=other_name, note=note)


def _swapped(ours: Measure, other: Measure) -> tuple[float, float]:
    second = other()
    return ours(), second


def from_pairs(
    name: str, unit: str, pairs: list[tuple[float, float]], bound: Bound, *, other_name: str, note: str = ""
) -> Row:
    """A row of pairs (ours, other) that were measured already."""
    ratios = [mine / theirs for mine, theirs in pairs]
    judged = {
        "ratio": ratios,
        "difference": [mine - theirs for mine, theirs in pairs],
        "ours": [mine for mine, _ in pairs],
    }[bound.on]
    return Row(
        name=name,
        unit=unit,
        ours=statistics.median(mine for mine, _ in pairs),
        other=statistics.median(theirs for _, theirs in pairs),
        ratio=statistics.median(ratios),
        bound=str(bound),
        holds=bound.holds(statistics.median(judged)),
        runs=len(pairs),
        spread=(min(judged), max(judged)),
        other_name=other_name,
        note=note,
    )


def alone(name: str, unit: str, values: list[float], bound: Bound, note: str = "") -> Row:
    """A row without a peer: a limit on our own figure."""
    middle = statistics.median(values)
    return Row(
        name, unit, middle, None, None, str(bound), bound.holds(middle), len(values), (min(values), max(values)),
        note=note,
    )  # fmt: skip


HEAD = ("row", "unit", "ours", "other", "ratio", "bound", "holds", "runs", "spread", "other is")


def table(rows: list[Row]) -> Iterator[str]:
    """The rows as text."""
    lines = [HEAD, *(_cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEAD))]
    for number, line in enumerate(lines):
        yield "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        if number == 0:
            yield "  ".join("-" * width for width in widths)


def _cells(row: Row) -> tuple[str, ...]:
    spread = f"{_short(row.spread[0])}..{_short(row.spread[1])}"
    return (
        row.name, row.unit, _short(row.ours), _short(row.other), _short(row.ratio), row.bound,
        "yes" if row.holds else "NO", str(row.runs), spread, row.other_name,
    )  # fmt: skip


def _short(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}"
