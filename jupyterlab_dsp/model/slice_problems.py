"""What a slice cannot do, in words: names without a definition, cells that no job can run."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from ..errors import CellNotRunnable
from .cell_reading import ReadCell
from .known_calls import IPYTHON_NAMES


def missing_name(
    name: str, line: int, user: ReadCell, above: Sequence[ReadCell], below: Sequence[ReadCell],
    *, deleted_in: ReadCell | None, is_kept: bool, kernel_names: Collection[str],
) -> str:  # fmt: skip
    """Why nothing before the target defines the name, as far as can be told."""
    where = f"'{name}', used in cell {user.cell.number}, line {line},"
    if deleted_in is not None:
        return f"{where} is deleted in cell {deleted_in.cell.number}."
    if name in IPYTHON_NAMES or re.fullmatch(r"_i?\d+", name):
        return f"{where} exists only inside a notebook; a job has no IPython."
    for other in reversed(above):
        if is_kept and name in other.flow.defines and other.is_python and not other.is_job:
            return f"{where} is defined in cell {other.cell.number}, which is not ticked."
        if other.syntax_error is not None and re.search(rf"^\s*(def |class )?{name}\b", other.text.python, re.M):
            return f"{where} comes from cell {other.cell.number}, which does not parse."
    for other in below:
        if name in other.flow.defines and other.is_python:
            return f"{where} is defined in cell {other.cell.number}, below."
    if name in kernel_names:
        return f"{where} exists in the kernel only: its cell was changed or deleted. Define it in a cell."
    return f"{where} is not defined in any earlier cell."


def refuse_if_only_there(name: str, other: ReadCell) -> None:
    """Raise where the name can only come from what this cell does outside Python."""
    number = other.cell.number
    if other.is_job and (name in other.flow.defines or name in other.text.foreign_names):
        raise _refusal(
            other, 1, f"'{name}' is made in the training job of cell {number}, not in the notebook.",
            "Define it in a cell of its own, or load the stored model with dsp.load(...).",
        )  # fmt: skip
    if name in other.text.foreign_names:
        raise _refusal(
            other, 1, f"'{name}' comes from the magic in cell {number}, line 1: {other.text.magic!r}.",
            "A job cannot run it: assign the value in Python.",
        )  # fmt: skip
    for blocker in other.text.blockers:
        if "*" in blocker.names:
            raise _refusal(
                other, blocker.line,
                f"'{name}' may come from cell {number}, line {blocker.line}: {blocker.text!r}, for a notebook only.",
                blocker.hint,
            )  # fmt: skip


def check_runnable(each: ReadCell, *, is_target: bool) -> None:
    """Raise CellNotRunnable, with cell and line, where a job cannot run the cell."""
    number = each.cell.number
    if each.text.foreign or (each.is_job and not is_target):
        what = each.text.foreign or "%%dsp train"
        raise _refusal(each, 1, f"Cell {number} is a {what} cell, line 1: a job runs Python only.", "Leave it out.")
    if each.syntax_error is not None:
        line = each.syntax_error.lineno or 1
        raise _refusal(each, line, f"Cell {number}, line {line} does not parse: {each.syntax_error.msg}.", None)
    if each.text.blockers:
        blocker = each.text.blockers[0]
        message = f"Cell {number}, line {blocker.line} cannot run outside the notebook: {blocker.text!r}."
        raise _refusal(each, blocker.line, message, blocker.hint)
    if each.flow.async_line is not None:
        message = f"Cell {number}, line {each.flow.async_line} uses 'await' at top level."
        hint = "A job runs plain Python: put it into an 'async def' and call asyncio.run(...)."
        raise _refusal(each, each.flow.async_line, message, hint)


def _refusal(each: ReadCell, line: int, message: str, hint: str | None) -> CellNotRunnable:
    cell = each.cell
    return CellNotRunnable(message, hint=hint, field="target", cell_id=cell.id, cell_index=cell.index, line=line)
