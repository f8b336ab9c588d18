"""A cell, read: its text as Python, its syntax, its data flow."""

from __future__ import annotations

import ast
import warnings
from dataclasses import dataclass

from .cell_text import CellText, read_cell
from .dataflow import read_flow
from .flows import CellFlow
from .slices import CellSource


@dataclass(slots=True)
class ReadCell:
    """A cell, read."""

    cell: CellSource
    text: CellText
    flow: CellFlow
    syntax_error: SyntaxError | None = None

    @property
    def is_python(self) -> bool:
        return not self.text.foreign and self.syntax_error is None

    @property
    def is_job(self) -> bool:
        return self.text.magic.startswith("%%dsp")


def read(cell: CellSource) -> ReadCell:
    """Take a cell apart: text, syntax, data flow."""
    text = read_cell(cell.source)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text.python)
        return ReadCell(cell, text, read_flow(tree))
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        problem = error if isinstance(error, SyntaxError) else SyntaxError(str(error) or "too deeply nested")
        return ReadCell(cell, text, CellFlow(), problem)
