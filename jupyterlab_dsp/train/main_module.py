"""The ``__main__`` that the cells run in, and what a *spawned* child process of theirs needs of it.

``multiprocessing`` with "spawn" or "forkserver" (the default of macOS, Windows and Python 3.14) imports the file
of ``__main__`` in each child. A notebook has none, so a pool whose function stands in a cell hangs in a kernel for
ever. Here the children get a file with just the definitions of the cells: imports, functions, classes, constants.
"""

from __future__ import annotations

import ast
import os
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from .folder import DEFINITIONS, write_text


class CellsModule(ModuleType):
    """``__main__`` of a job. ``__file__`` is seen from outside only: in the cells it is unknown, as in a notebook."""

    __file__: str


def make_main(job: dict[str, Any], folder: Path) -> ModuleType:
    """A fresh ``__main__`` in the notebook's folder: classes pickle, and ``if __name__ == "__main__"`` holds."""
    module = CellsModule("__main__")
    path = folder / DEFINITIONS
    CellsModule.__file__ = str(path)
    write_text(path, definitions([cell["source"] for cell in job["cells"]]), sync=False)
    sys.modules["__main__"] = module
    here = job.get("folder") or os.getcwd()
    os.chdir(here)
    sys.argv = [job.get("notebook") or job["name"]]
    if sys.flags.safe_path:
        sys.path.insert(0, here)
    else:
        sys.path[0] = here  # what `python -m` put there is the run's own folder
    module.__dict__["display"] = _display
    return module


def definitions(sources: list[str]) -> str:
    """Of these cells, what can be run again without doing any work."""
    kept: list[str] = []
    future: list[str] = []
    for source in sources:
        try:
            body = ast.parse(source).body
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue  # the cell itself will say so
        for node in body:
            if isinstance(node, ast.ImportFrom) and node.module == "__future__":
                future.append(ast.unparse(node))
            elif _is_definition(node):
                kept.append(ast.get_source_segment(source, node, padded=True) or ast.unparse(node))
                if decorators := getattr(node, "decorator_list", None):
                    kept[-1] = "".join(f"@{ast.unparse(each)}\n" for each in decorators) + kept[-1]
    return "\n".join(['"""Definitions of the cells, for child processes."""', *dict.fromkeys(future), *kept, ""])


def _is_definition(node: ast.stmt) -> bool:
    if isinstance(node, ast.Assign | ast.AnnAssign):
        try:
            ast.literal_eval(node.value) if node.value else None
        except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
            return False
        return True
    if isinstance(node, ast.Try):  # try: import x / except ImportError: x = None
        return all(_is_definition(each) for each in (*node.body, *node.orelse)) and all(
            _is_definition(each) or isinstance(each, ast.Pass) for handler in node.handlers for each in handler.body
        )
    return isinstance(node, ast.Import | ast.ImportFrom | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)


def _display(*values: Any, **_: Any) -> None:
    """Stands in for IPython's ``display``: there is nobody to show HTML to, so the text form goes to the log."""
    for value in values:
        print(value)
