"""Which notebook is this, what are its cells, and what was really run? Told by the front end where it can.

In this order: what our front end said over the comm ``dsp.context``; the document on disk, where the server or VS
Code named its path and it holds what was run; the input history of this session (nbclient, papermill, IPython).
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

COMM_TARGET = "dsp.context"
#: a word of the front end that travels on another thread than the cell may come a moment later
_LATE_S = 0.5


@dataclass
class RanCell:
    """One execution."""

    source: str
    execution_count: int | None
    succeeded: bool | None = None


@dataclass
class FrontEndContext:
    """What the front end said last: all cells in document order, Markdown too."""

    path: str
    cell_id: str | None
    cells: list[dict[str, Any]]


@dataclass
class Notebook:
    """What is known of the notebook of one shell. ``ran``: by cell id; ``by_count``: by prompt number."""

    shell: Any
    context: FrontEndContext | None = None
    ran: dict[str, RanCell] = field(default_factory=dict)
    by_count: dict[int, RanCell] = field(default_factory=dict)
    running: RanCell | None = None
    running_id: str | None = None
    comm: Any = None

    # -- what happens -------------------------------------------------------------------------------------------

    def on_open(self, comm: Any, message: Mapping[str, Any]) -> None:
        """The front end opened ``dsp.context``; each message is the whole truth at that moment.

        It may open a comm for each message: an open travels in line with the cells, a later message of the same
        comm may travel on a thread of its own. Then the one before is closed.
        """
        self.hear(message)
        comm.on_msg(self.hear)
        old, self.comm = self.comm, comm
        if old is not None:
            old.close()

    def hear(self, message: Mapping[str, Any]) -> None:
        """Take over path, cell_id and cells (id, source, index, type, execution_count); nothing else is believed."""
        data = message.get("content", {}).get("data", {})
        cells = data.get("cells")
        if not isinstance(cells, list):
            return
        whole = [c for c in cells if isinstance(c, dict) and isinstance(c.get("id"), str) and "source" in c]
        # RTC and other drives of JupyterLab put their name before the path
        path = re.sub(r"^[A-Za-z][\w.-]+:", "", str(data.get("path") or ""))
        self.context = FrontEndContext(path, data.get("cell_id"), whole)

    def before_cell(self, info: Any) -> None:
        """IPython's ``pre_run_cell``."""
        self.running_id = getattr(info, "cell_id", None) or _cell_id_of_request(self.shell)
        self.running = RanCell(info.raw_cell or "", None)

    def after_cell(self, result: Any) -> None:
        """IPython's ``post_run_cell``."""
        ran, self.running = self.running, None
        if ran is None:
            return
        ran.succeeded = bool(result.success)
        if getattr(result.info, "store_history", True):
            ran.execution_count = result.execution_count
        if self.running_id:
            self.ran[self.running_id] = ran
        if ran.execution_count is not None:
            self.by_count[ran.execution_count] = ran

    # -- what is asked ------------------------------------------------------------------------------------------

    @property
    def has_front_end(self) -> bool:
        """Whether our JupyterLab extension is on the other side."""
        return self.context is not None

    def path(self) -> str:
        """Path of the notebook: relative to the server's root from our front end, else absolute; "" where unknown."""
        if self.context and self.context.path:
            return self.context.path
        file = self.file()
        return str(file) if file else ""

    def file(self) -> Path | None:
        """The document on this disk, where it is found."""
        candidates = [self.shell.user_ns.get("__vsc_ipynb_file__"), os.environ.get("JPY_SESSION_NAME")]
        if self.context and self.context.path:
            # the kernel's folder is the notebook's, unless somebody changed it
            candidates.insert(0, Path(self.context.path).name)
        for candidate in candidates:
            if candidate and str(candidate).endswith(".ipynb") and Path(candidate).is_file():
                return Path(candidate).absolute()
        return None

    def cells(self) -> tuple[list[dict[str, Any]], str | None]:
        """Code cells as the contract's ``CodeCell``, and the id of the one that runs."""
        return self._from_front_end() or self._from_document() or self._from_history()

    def document(self) -> dict[str, Any] | None:
        """The notebook as a document without outputs, where it is known."""
        if self.context is None:
            return None
        cells = []
        for cell in self.context.cells:
            kind = cell.get("type") if cell.get("type") in ("code", "markdown", "raw") else "code"
            made = {"id": cell["id"], "cell_type": kind, "metadata": {}, "source": cell["source"]}
            cells.append(made | ({"outputs": [], "execution_count": None} if kind == "code" else {}))
        return {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells}

    def _from_front_end(self) -> tuple[list[dict[str, Any]], str | None] | None:
        deadline = time.monotonic() + _LATE_S
        while self.context is not None:
            cells = [c for c in self.context.cells if c.get("type", "code") == "code"]
            running_id = self.running_id or self.context.cell_id
            found = next((c for c in cells if c["id"] == running_id), None)
            text = self.running.source if self.running else None
            is_fresh = found is not None and (text is None or found["source"].strip() == text.strip())
            if is_fresh or (found is not None and time.monotonic() > deadline):
                made = [self._described(c) for c in cells]
                if not is_fresh and text is not None:  # edited while it was queued: what runs is what counts
                    made = [c | {"source": text} if c["id"] == running_id else c for c in made]
                return made, running_id
            if time.monotonic() > deadline:
                return None
            time.sleep(0.02)
        return None

    def _from_document(self) -> tuple[list[dict[str, Any]], str | None] | None:
        file = self.file()
        if file is None or self.running is None:
            return None
        from ..cli.documents import read_notebook
        from ..errors import DspError

        try:
            cells = read_notebook(str(file)).cells
        except DspError:
            return None  # half written by an editor at this moment, or no notebook after all
        texts = {cell["source"].strip() for cell in cells}
        # a document that lacks what was run since is not saved: the history knows better
        if not {ran.source.strip() for ran in [*self.by_count.values(), self.running]} <= texts:
            return None
        running = self.running.source.strip()
        same = [cell["id"] for cell in cells if cell["source"].strip() == running]
        return [self._described(cell) for cell in cells], self.running_id if self.running_id in same else same[-1]

    def _from_history(self) -> tuple[list[dict[str, Any]], str | None]:
        history = list(self.shell.history_manager.input_hist_raw)
        running = self.running
        # IPython writes the entry of a cell before it runs it; a cell that is kept out of the history has none
        if running is not None and len(history) > 1 and history[-1].strip() == running.source.strip():
            history.pop()
        cells = []
        for count, source in enumerate(history):
            known = self.by_count.get(count)
            # what failed has left no definition that the notebook stands on
            if source.strip() and not (known and known.succeeded is False):
                cells.append(_history_cell(count, source))
        target = None
        if running is not None:
            made = _history_cell(len(history), running.source)
            target = made["id"]
            cells.append(made)
        return cells, target

    def _described(self, cell: Mapping[str, Any]) -> dict[str, Any]:
        ran = self.ran.get(cell["id"]) or self._seen_before(cell)
        count = ran.execution_count if ran else cell.get("execution_count")
        return {
            "id": cell["id"],
            "source": cell["source"],
            "index": int(cell["index"]),
            "execution_count": count,
            "execution_source": ran.source if ran else None,
        }

    def _seen_before(self, cell: Mapping[str, Any]) -> RanCell | None:
        """A cell that ran before ``%load_ext``, if this session's history has its text under its number."""
        count = cell.get("execution_count")
        history = self.shell.history_manager.input_hist_raw
        if isinstance(count, int) and 0 < count < len(history) and history[count].strip() == cell["source"].strip():
            return RanCell(cell["source"], count)
        return None


def _history_cell(count: int, source: str) -> dict[str, Any]:
    return {
        "id": f"in-{count}",
        "source": source,
        "index": max(count - 1, 0),
        "execution_count": count,
        "execution_source": source,
    }


def _cell_id_of_request(shell: Any) -> str | None:
    """From the execute request itself: for an IPython that does not hand the id on."""
    kernel = getattr(shell, "kernel", None)
    if kernel is None:
        return None
    try:
        found = kernel.get_parent("shell").get("metadata", {}).get("cellId")
    except (AttributeError, TypeError, LookupError):
        return None  # a kernel of another make
    return found if isinstance(found, str) else None


def executed_sources() -> dict[str, str]:
    """Cell id to its text when it was last run in this kernel, as far as it was seen."""
    notebook = current_notebook()
    return {cell_id: ran.source for cell_id, ran in notebook.ran.items()} if notebook else {}


def current_notebook() -> Notebook | None:
    """The notebook of this kernel; None before ``%load_ext jupyterlab_dsp`` and outside IPython."""
    from .extension import current

    return current()
