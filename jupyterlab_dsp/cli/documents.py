"""A notebook as the commands take it: read from a file here, told by the front end in the magics."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import InvalidInput, NotFound
from .usage import UsageProblem

_LARGEST = 256 * 2**20


@dataclass
class Cells:
    """Code cells in document order, as the contract's ``CodeCell`` takes them.

    path: of the notebook, as it is recorded.   folder: where its code runs.   target: the cell that is meant.
    document: the whole notebook, where it is known.   kernel: the contract's ``KernelState``, where there is one.
    """

    path: str
    cells: list[dict[str, Any]]
    folder: str = ""
    target: str | None = None
    document: dict[str, Any] | None = None
    kernel: dict[str, Any] | None = None
    python: str = ""

    def find(self, name: str) -> dict[str, Any]:
        """The cell of this id, or number as people count (from 1). Raises NotFound."""
        for cell in self.cells:
            if cell["id"] == name or str(cell["index"] + 1) == name:
                return cell
        numbers = ", ".join(str(cell["index"] + 1) for cell in self.cells[:20])
        raise NotFound.of("code cell", name, f"Code cells by number: {numbers}." if numbers else None)


def read_notebook(name: str) -> Cells:
    """The notebook file. Raises NotFound, InvalidInput."""
    path = Path(name).expanduser()
    try:
        if path.stat().st_size > _LARGEST:
            raise InvalidInput(f"'{name}' is too large for a notebook.")
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise NotFound.of("notebook", name) from error
    except OSError as error:
        raise InvalidInput(f"'{name}' cannot be read: {error.strerror}.") from error
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"'{name}' is no notebook: it is not JSON.") from error
    if not isinstance(document, dict) or not isinstance(document.get("cells"), list):
        hint = (
            "Notebooks older than format 4 are not read; open and save it once." if "worksheets" in document else None
        )
        raise InvalidInput(f"'{name}' is no notebook: it has no cells.", hint=hint)
    return Cells(
        path=str(path.absolute()),
        cells=code_cells(document),
        folder=str(path.absolute().parent),
        document=document,
    )


def code_cells(document: dict[str, Any]) -> list[dict[str, Any]]:
    """Code cells of a notebook document. A cell without id (format 4.4 and older) is called by its place."""
    cells = []
    for index, cell in enumerate(document["cells"]):
        if isinstance(cell, dict) and cell.get("cell_type") == "code":
            source = cell.get("source", "")
            cells.append(
                {
                    "id": str(cell.get("id") or f"cell-{index + 1}"),
                    "source": "".join(source) if isinstance(source, list) else str(source),
                    "index": index,
                    "execution_count": cell.get("execution_count"),
                }
            )
    return cells


def train_cell(notebook: Cells, name: str | None) -> dict[str, Any]:
    """The cell to train: the one named, else the only one that begins with ``%%dsp train``."""
    if name is not None:
        return notebook.find(name)
    marked = [cell for cell in notebook.cells if magic_line(cell["source"]) is not None]
    if len(marked) == 1:
        return marked[0]
    numbers = ", ".join(str(cell["index"] + 1) for cell in marked)
    problem = f"Cells {numbers} begin with %%dsp train." if marked else "No cell begins with %%dsp train."
    raise UsageProblem(problem, hint="Say which one: --cell NUMBER or --cell ID.")


def magic_line(source: str) -> str | None:
    """What stands after ``%%dsp train``; None where the cell does not begin so."""
    for line in source.splitlines():
        words = line.split(None, 2)
        if words[:2] == ["%%dsp", "train"]:
            return words[2] if len(words) > 2 else ""
        if line.strip() and not line.lstrip().startswith("%%"):
            return None
    return None
