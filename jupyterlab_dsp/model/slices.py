"""Shapes of the slice: the cells of a notebook that a job or an export needs, as plain data."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from typing import Any, Self


class _Plain:
    """To and from JSON-like dicts; unknown keys are ignored, so an older reader can read a newer record."""

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)  # type: ignore[call-overload, no-any-return]

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        known = {each.name for each in fields(cls)}  # type: ignore[arg-type]
        return cls(**{key: tuple(v) if isinstance(v, list) else v for key, v in values.items() if key in known})


@dataclass(frozen=True, slots=True)
class CellSource(_Plain):
    """One code cell. ``index`` counts from 0 among all cells of the notebook, ``number`` from 1 as people do."""

    id: str
    source: str
    index: int
    execution_count: int | None = None
    execution_source: str | None = None

    @property
    def number(self) -> int:
        return self.index + 1


@dataclass(frozen=True, slots=True)
class DroppedLine(_Plain):
    """A ``%`` or ``!`` line that is not part of the job."""

    line: int
    text: str


@dataclass(frozen=True, slots=True)
class SliceCell(_Plain):
    """A code cell of the notebook, and whether it is part of the slice and why."""

    id: str
    index: int
    included: bool
    reason: str
    title: str
    defines: tuple[str, ...] = ()
    uses: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    source: str = ""
    #: the cell as plain Python, line for line; empty where the cell is no Python
    python: str = ""
    dropped: tuple[DroppedLine, ...] = ()
    execution_count: int | None = None

    @property
    def number(self) -> int:
        return self.index + 1

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        dropped = tuple(DroppedLine.from_dict(each) for each in values.get("dropped", ()))
        return super(SliceCell, cls).from_dict({**values, "dropped": dropped})


@dataclass(frozen=True, slots=True)
class Unresolved(_Plain):
    """A name that the slice needs and no cell of it defines; ``line`` counts from 1 in the cell that uses it."""

    name: str
    cell_id: str
    cell_index: int
    line: int
    message: str


@dataclass(frozen=True, slots=True)
class Slice(_Plain):
    """What ``slice_cells`` found. ``cells`` has every code cell in document order, in or out."""

    target_id: str
    cells: tuple[SliceCell, ...]
    unresolved: tuple[Unresolved, ...] = ()
    given: tuple[str, ...] = ()
    #: top-level modules that the included cells import, at any depth
    modules: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    #: an included cell calls IPython's ``display`` without importing it
    needs_display: bool = False

    @property
    def included(self) -> tuple[SliceCell, ...]:
        return tuple(cell for cell in self.cells if cell.included)

    @property
    def problems(self) -> list[str]:
        """What stops the slice from running, in words."""
        return [each.message for each in self.unresolved]

    def sources(self) -> list[CellSource]:
        """The included cells as plain Python, line for line."""
        return [CellSource(c.id, c.python, c.index, c.execution_count) for c in self.included]

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        cells = tuple(SliceCell.from_dict(each) for each in values["cells"])
        unresolved = tuple(Unresolved.from_dict(each) for each in values.get("unresolved", ()))
        return super(Slice, cls).from_dict({**values, "cells": cells, "unresolved": unresolved})


@dataclass(frozen=True, slots=True)
class Parameter:
    """A top-level ``name = literal`` that a run may replace. ``line`` counts from 1 in the cell."""

    name: str
    default: Any
    type: str
    cell_id: str
    line: int

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        return cls(**{each.name: values[each.name] for each in fields(cls)})


@dataclass(frozen=True, slots=True)
class FoundFile(_Plain):
    """A file below the notebook's folder that the slice imports or reads. ``path`` is relative, with ``/``."""

    path: str
    kind: str
    size_bytes: int
    used_by: str
    cell_ids: tuple[str, ...] = field(default_factory=tuple)
