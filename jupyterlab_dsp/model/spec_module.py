"""The slice as a plain Python module that runs by itself, readable as a notebook by Jupytext, VS Code and Spyder."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence
from typing import Any

from .cell_text import read_cell
from .parameters import apply_parameters
from .slices import CellSource, Slice

_DISPLAY = """try:
    from IPython.display import display
except ImportError:
    display = print
"""


def to_module(
    piece: Slice,
    parameters: Mapping[str, Any] | None = None,
    title: str = "",
    *,
    cells: Sequence[CellSource] | None = None,
) -> str:
    """One module: docstring with the origin, then each cell under a ``# %%`` marker, parameters written in place.

    cells: the included cells where their texts were changed already (``apply_parameters``).
    It has no date and no path of a machine in it, so that the same slice gives the same bytes.
    Raises UnknownParameter, InvalidInput.
    """
    sources = apply_parameters(piece if cells is None else cells, parameters or {})
    future: set[str] = set()
    parts = []
    for cell in sources:
        python = _without_future(read_cell(cell.source).python, future).strip("\n")
        name = re.sub(r"\s+", " ", cell.id)
        parts.append(f"# %% [cell {cell.number}] {name}\n{python}\n")
    head = [f'"""{_docstring(title, piece)}"""\n']
    if future:
        head.append(f"from __future__ import {', '.join(sorted(future))}\n")
    if piece.needs_display:
        head.append(_DISPLAY)
    return "\n".join([*head, *parts])


def _docstring(title: str, cells: Slice) -> str:
    numbers = ", ".join(str(cell.number) for cell in cells.included)
    many = "s" if len(cells.included) > 1 else ""
    lines = [
        title or "An untrained model.",
        "",
        f"Exported by jupyterlab-dsp: cell{many} {numbers} of the notebook.",
    ]
    if cells.given:
        lines.append(f"Expects these names to be set before: {', '.join(cells.given)}.")
    text = "\n".join(lines).replace("\\", "\\\\").replace('"""', '\\"\\"\\"')
    return text + "\n" if "\n" in text else text


def _without_future(python: str, future: set[str]) -> str:
    """``from __future__`` must be first in a module: collect the names, leave a comment in the cell."""
    if "__future__" not in python:
        return python
    lines = python.split("\n")
    for node in ast.parse(python).body:
        if isinstance(node, ast.ImportFrom) and node.module == "__future__":
            future.update(alias.name for alias in node.names)
            stop = node.end_lineno or node.lineno
            for number in range(node.lineno - 1, stop):
                lines[number] = f"pass  # moved to the top: {lines[number].strip()}" if number < node.lineno else "#"
    return "\n".join(lines)
