"""The user's own traceback: frames of their cells, with cell and line, without ours and without the framework's."""

from __future__ import annotations

import linecache
import traceback
from dataclasses import dataclass
from types import TracebackType


@dataclass(frozen=True, slots=True)
class CellFile:
    """How a cell is called in tracebacks."""

    filename: str
    cell_id: str
    index: int


def register(filename: str, source: str) -> None:
    """Make the source lines of a cell known to tracebacks, warnings and the debugger."""
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)


def user_problem(error: BaseException, cells: dict[str, CellFile]) -> dict[str, object]:
    """The contract's ``RunProblem`` of an exception, as a dict."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if frame.filename in cells]
    last = own[-1] if own else None
    cell = cells[last.filename] if last else None
    line = last.lineno if last else None
    if isinstance(error, SyntaxError) and error.filename in cells:
        cell, line = cells[error.filename], error.lineno
    lines = ["Traceback (most recent call last):\n"]
    hidden = 0
    for frame in frames:
        if frame.filename in cells:
            lines += traceback.format_list([frame])
        elif own:
            hidden += 1
    if hidden:
        lines.append(f"  ({hidden} frames of libraries not shown; the whole traceback is in the log)\n")
    lines += traceback.format_exception_only(error)
    message = "".join(traceback.format_exception_only(error)).strip().splitlines()
    where = f"Cell {cell.index + 1}, line {line}: " if cell and line else ""
    return {
        "kind": "exception",
        "message": f"{where}{message[-1][:2000] if message else type(error).__name__}",
        "hint": None,
        "traceback": "".join(lines)[:20_000],
        "cell_index": cell.index if cell else None,
        "cell_id": cell.cell_id if cell else None,
        "line": line,
    }


def print_whole(error: BaseException, skip: TracebackType | None) -> None:
    """The whole traceback into the log, from the first frame below ``skip``."""
    traceback.print_exception(type(error), error, error.__traceback__.tb_next if error.__traceback__ else skip)
