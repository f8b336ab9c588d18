"""Which cells are taken: those that the front end told of, those of the document, or those of the history."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from jupyterlab_dsp.magics.notebook import executed_sources


class Comm:
    """What ipykernel hands to a target."""

    is_closed = False

    def on_msg(self, callback: Any) -> None:
        self.callback = callback

    def close(self) -> None:
        self.is_closed = True


def told(path: str, sources: dict[str, str], cell_id: str | None = None, **counts: int) -> dict[str, Any]:
    """A message of the front end."""
    cells = [
        {"id": key, "index": index, "type": "markdown" if key.startswith("md") else "code", "source": source,
         "execution_count": counts.get(key)}
        for index, (key, source) in enumerate(sources.items())
    ]  # fmt: skip
    return {"content": {"data": {"path": path, "cell_id": cell_id, "cells": cells}}}


def probe(shell: Any, source: str, cell_id: str | None = None) -> tuple[list[dict[str, Any]], str | None]:
    """Run a cell and look at the cells from inside it."""
    found: list[Any] = []
    shell.user_ns["look"] = lambda: found.append(notebook_of(shell).cells())
    shell.run_cell(source, store_history=True, cell_id=cell_id).raise_error()
    assert found
    return found[-1]  # type: ignore[no-any-return]


def notebook_of(shell: Any) -> Any:
    from jupyterlab_dsp.magics.notebook import current_notebook

    return current_notebook()


def test_history_is_taken_where_nobody_told(shell: Any) -> None:
    shell.run_cell("a = 1", store_history=True)
    shell.run_cell("b = broken", store_history=True)
    shell.run_cell("hidden = 1", store_history=False)
    cells, target = probe(shell, "c = a\nlook()")
    assert [cell["source"] for cell in cells] == ["a = 1", "c = a\nlook()"]
    assert [cell["id"] for cell in cells] == ["in-1", target]
    assert target == "in-3"
    assert cells[0]["execution_source"] == "a = 1"


def test_the_front_end_knows_better(shell: Any, notebook: Any) -> None:
    comm = Comm()
    shell.run_cell("a = 1", store_history=True, cell_id="one")
    notebook.on_open(comm, told("work/x.ipynb", {"one": "a = 2", "md": "# T", "two": "look()"}, "two", one=1))
    cells, target = probe(shell, "look()", cell_id="two")
    assert target == "two"
    assert [(cell["id"], cell["index"]) for cell in cells] == [("one", 0), ("two", 2)]
    # edited since it was run: both texts are handed on
    assert cells[0]["source"] == "a = 2"
    assert cells[0]["execution_source"] == "a = 1"
    assert notebook.path() == "work/x.ipynb"
    assert [cell["cell_type"] for cell in notebook.document()["cells"]] == ["code", "markdown", "code"]
    assert executed_sources()["one"] == "a = 1"
    comm.callback(told("RTC:work/y.ipynb", {"one": "look()"}, "one"))
    assert notebook.path() == "work/y.ipynb"
    notebook.on_open(Comm(), told("work/z.ipynb", {"one": "look()"}, "one"))
    assert notebook.path() == "work/z.ipynb"
    assert comm.is_closed


def test_what_runs_counts_where_the_front_end_is_a_little_behind(shell: Any, notebook: Any) -> None:
    notebook.on_open(Comm(), told("x.ipynb", {"one": "look() # old"}, "one"))
    cells, target = probe(shell, "look() # new", cell_id="one")
    assert target == "one"
    assert cells[0]["source"] == "look() # new"


def test_a_cell_that_the_front_end_never_told_of_comes_from_the_history(shell: Any, notebook: Any) -> None:
    notebook.on_open(Comm(), told("x.ipynb", {"one": "a = 1"}, "one"))
    cells, target = probe(shell, "look()", cell_id="other")
    assert target == cells[-1]["id"] == "in-1"


@pytest.mark.parametrize("data", [{}, {"cells": "x"}, {"cells": [1, {"id": 3}]}, {"path": None, "cells": []}])
def test_nonsense_of_the_front_end_harms_nothing(shell: Any, notebook: Any, data: dict[str, Any]) -> None:
    notebook.hear({"content": {"data": data}})
    cells, target = probe(shell, "look()")
    assert target == cells[-1]["id"]


def test_the_document_is_taken_if_it_holds_what_was_run(
    shell: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "saved.ipynb"
    monkeypatch.setenv("JPY_SESSION_NAME", str(file))

    def save(*sources: str) -> None:
        cells = [{"cell_type": "code", "id": f"c{n}", "source": s.splitlines(True)} for n, s in enumerate(sources)]
        file.write_text(json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells}))

    save("unrun = 1", "look()")
    cells, target = probe(shell, "look()")
    assert [cell["id"] for cell in cells] == ["c0", "c1"]
    assert target == "c1"
    assert notebook_of(shell).path() == str(file)
    shell.run_cell("later = 1", store_history=True)
    cells, target = probe(shell, "look()")
    assert target == "in-3"  # not saved since: the history knows better
    file.write_text("{")
    assert probe(shell, "look()")[1] == "in-4"
