"""The user's own traceback: frames of their cells, with cell and line, without ours and without the framework's."""

from __future__ import annotations

import contextlib
import linecache
import os
import sys
import traceback
from typing import Any, NamedTuple

_LONGEST_MESSAGE = 2000
_LONGEST_TRACEBACK = 20_000
_JOB_FILE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "job.py")


class CellFile(NamedTuple):
    """How a cell is called in tracebacks. ``place``: its index in the notebook, from 0."""

    filename: str
    cell_id: str
    place: int


def register(filename: str, source: str) -> None:
    """Make the source lines of a cell known to tracebacks, warnings, ``inspect`` and the debugger."""
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)


def user_problem(error: BaseException, cells: dict[str, CellFile]) -> dict[str, Any]:
    """The contract's ``RunProblem`` of an exception, as a dict."""
    frames = traceback.extract_tb(error.__traceback__)
    own = traceback.StackSummary.from_list([frame for frame in frames if frame.filename in cells])
    last = own[-1] if own else None
    cell = cells[last.filename] if last else None
    line = last.lineno if last else None
    if isinstance(error, SyntaxError) and error.filename in cells:
        cell, line = cells[error.filename], error.lineno
    first_own = next((place for place, frame in enumerate(frames) if frame.filename in cells), len(frames))
    hidden = len(frames) - first_own - len(own)
    lines = ["Traceback (most recent call last):\n", *own.format()]  # format() folds the frames of a recursion
    if hidden:
        lines.append(f"  ({hidden} frames of libraries not shown; the whole traceback is in the log)\n")
    lines += _described(error)
    where = f"Cell {cell.place + 1}, line {line}: " if cell and line else ""
    return {
        "kind": "exception",
        "message": f"{where}{one_line(error)}",
        "hint": _hint(error),
        "traceback": _shortened("".join(lines)),
        "cell_index": cell.place if cell else None,
        "cell_id": cell.cell_id if cell else None,
        "line": line,
    }


def one_line(error: BaseException) -> str:
    """Type and first line of what it says: Keras and TensorFlow go on for pages."""
    name = type(error).__name__
    try:
        text = (error.msg if isinstance(error, SyntaxError) else str(error)) or ""
    except Exception:  # noqa: BLE001  a broken __str__ of the user's
        return name
    first = next((line.strip() for line in text.splitlines() if line.strip()), "")
    return f"{name}: {first}"[:_LONGEST_MESSAGE] if first else name


def print_whole(error: BaseException) -> None:
    """The whole traceback into the log, without the frames of the job that lead to the cell."""
    first = error.__traceback__
    while first is not None and first.tb_frame.f_code.co_filename == _JOB_FILE:
        first = first.tb_next
    with contextlib.suppress(Exception):  # neither a closed stderr nor a broken exception may hide the problem
        sys.stdout.flush()
    for stream in (sys.stderr, sys.__stderr__):
        try:
            traceback.print_exception(type(error), error, first, file=stream)
            return
        except Exception:  # noqa: BLE001, S112  the user's own stream may raise anything
            continue


def _described(error: BaseException) -> list[str]:
    try:
        return traceback.format_exception_only(error)
    except Exception:  # noqa: BLE001
        return [f"{type(error).__name__}\n"]


def _hint(error: BaseException) -> str | None:
    if isinstance(error, EOFError) and "EOF when reading a line" in str(error):
        return "A run has no keyboard, so input() finds no answer: assign the value, and change it with -p."
    return None


def _shortened(text: str) -> str:
    """Beginning and end: the last line says what happened."""
    if len(text) <= _LONGEST_TRACEBACK:
        return text
    half = _LONGEST_TRACEBACK // 2
    return f"{text[:half]}\n  [... {len(text) - 2 * half} characters cut ...]\n{text[-half:]}"
