"""Warnings where the order in which cells were run differs from the order in which they stand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .cell_reading import ReadCell, read
from .slices import CellSource


def order_warnings(
    reads: Sequence[ReadCell], target: int, included: set[int], sources_of: dict[str, int]
) -> Iterator[tuple[int, str]]:
    """(place of the cell, text). ``sources_of``: where the slice takes each name from. Silent where nothing was run."""
    if all(each.cell.execution_count is None for each in reads):
        return
    target_count = reads[target].cell.execution_count
    for place in sorted(included - {target}):
        cell = reads[place].cell
        if cell.execution_count is None:
            yield place, f"cell {cell.number} was never run"
            continue
        if _was_edited(cell):
            yield place, f"cell {cell.number} was edited after it was run: this uses its text of now"
        if target_count is not None and cell.execution_count > target_count:
            yield place, f"cell {cell.number} was run after cell {reads[target].cell.number}, which needs it"
    for name, place in sorted(sources_of.items()):
        source = reads[place].cell
        if place not in included or source.execution_count is None:
            continue
        for other, each in enumerate(reads):
            count = each.cell.execution_count
            if other in included or count is None or count <= source.execution_count or not each.is_python:
                continue
            if name in _defined_when_run(each) and not each.is_job:
                yield (
                    place,
                    f"'{name}' was changed in cell {each.cell.number}, run after cell {source.number}: "
                    f"this uses the text of cell {source.number}",
                )


def _was_edited(cell: CellSource) -> bool:
    return cell.execution_source is not None and cell.execution_source.rstrip() != cell.source.rstrip()


def _defined_when_run(each: ReadCell) -> set[str]:
    cell = each.cell
    if not _was_edited(cell):
        return set(each.flow.defines)
    return set(read(CellSource(cell.id, cell.execution_source or "", cell.index)).flow.defines)
