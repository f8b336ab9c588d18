"""``dsp train submit NOTEBOOK`` and ``%%dsp train``: a cell, and what it needs, as a run."""

from __future__ import annotations

import argparse
import ast
import sys
from typing import TYPE_CHECKING, Any

from .commands import Where
from .documents import Cells, magic_line, train_cell
from .options import Parser
from .usage import UsageProblem
from .values import parse_params, parse_size, parse_tags, split_names

if TYPE_CHECKING:
    from .session import Session


def add_arguments(parser: argparse.ArgumentParser, where: Where) -> None:
    """The same in both places, but for the notebook and its cell."""
    add = parser.add_argument
    if where == "shell":
        add("notebook", metavar="NOTEBOOK", help="Notebook file.")
        add("--cell", help="Number (from 1) or id of the cell. Left out: the one that begins with %%dsp train.")
    add("--name", help="The model that this trains.")
    add("-p", "--param", dest="params", action="append", default=[], metavar="NAME=VALUE",
        help="Value for a top-level assignment of the cells; again for each.")  # fmt: skip
    add("--model", metavar="VARIABLE", help="Variable that holds the trained model. Left out: the last one fitted.")
    if where == "notebook":
        add("-o", "--output", metavar="VARIABLE", help="Put the trained model into this variable, loaded on first use.")
        add("--allow-unsafe", action="store_true", help="With -o: also where loading the model runs code (pickle).")
        add("--send", action="extend", nargs="+", default=[], metavar="VARIABLE",
            help="Send variables of this kernel along, instead of the cells that make them.")  # fmt: skip
    add("--no-store", action="store_true", help="Do not store the trained model as a version.")
    add("--memory", type=_size, metavar="SIZE", help="End the run when it holds more memory than this: 4GB.")
    add("--tag", dest="tags", action="append", default=[], metavar="NAME=VALUE", help="Label; again for each.")
    add("-m", "--message", default="", help="Why this run, in a few words.")
    add("--folder", default="", help="Working folder. Left out: the notebook's.")
    add("--wait", action=argparse.BooleanOptionalAction, default=None if where == "notebook" else False,
        help="Print progress until the run ends. On by itself where no live view can be shown."
        if where == "notebook" else "Print progress until the run ends.")  # fmt: skip
    add("--dry-run", action="store_true", help="Show what would run, start nothing.")


def _size(text: str) -> int:
    try:
        return parse_size(text)
    except UsageProblem as error:
        raise argparse.ArgumentTypeError(f"{error.message[:-1]}. {error.hint or ''}".rstrip(" .")) from error


def run(values: argparse.Namespace, session: Session) -> Any:
    """Submit, or show what would be submitted. Raises UsageProblem and what the slice refuses."""
    notebook = session.cells(values)
    if session.where == "shell":
        cell = train_cell(notebook, values.cell)
        notebook.target = cell["id"]
        values = _with_cell_options(values, cell["source"])
    if not values.name:
        raise UsageProblem("The run needs a name: --name digits.", hint="It is the name of the model that it trains.")
    output = getattr(values, "output", None)
    if output and values.no_store:
        raise UsageProblem("-o gives back the stored model; with --no-store there is none.")
    request = _request(values, notebook, session)
    if values.dry_run:
        return _plan(request, session)
    with session.platform.store.writing() if getattr(values, "send", None) else _nothing():
        # held until the run's record names what was sent: a purge in between would take it away
        request["sent"] = session.send(split_names(getattr(values, "send", [])))
        started = session.platform.call("train.submit", request)
    return session.submitted(started, values)


def _nothing() -> Any:
    from contextlib import nullcontext

    return nullcontext()


def _request(values: argparse.Namespace, notebook: Cells, session: Session) -> dict[str, Any]:
    target = next(cell for cell in notebook.cells if cell["id"] == notebook.target)
    output = getattr(values, "output", None)
    return {
        "name": values.name,
        "cells": notebook.cells,
        "target": notebook.target,
        "notebook": notebook.path,
        "folder": values.folder or notebook.folder,
        "params": parse_params(values.params),
        # -o names a variable of the cell as a rule; if it does not, the last model that was fitted is meant
        "model": values.model or (output if output and assigns(target["source"], output) else None),
        "keep": not values.no_store,
        "memory_limit_bytes": values.memory,
        "python": notebook.python,
        "tags": parse_tags(values.tags),
        "message": values.message,
    }


def assigns(source: str, name: str) -> bool:
    """Whether the cell assigns ``name``; False where it is no Python."""
    from ..model.cell_text import read_cell

    try:
        tree = ast.parse(read_cell(source).python)
    except (SyntaxError, ValueError, RecursionError):
        return False
    return any(isinstance(n, ast.Name) and n.id == name and isinstance(n.ctx, ast.Store) for n in ast.walk(tree))


def _with_cell_options(values: argparse.Namespace, source: str) -> argparse.Namespace:
    """Options in the cell's own ``%%dsp train`` line hold where the command says nothing else."""
    line = magic_line(source)
    if line is None:
        return values
    from .parser import split

    parser = Parser("%%dsp train")
    add_arguments(parser, "notebook")
    parser.add_argument("--json", dest="as_json", action="store_true")
    own = parser.read(split(line))
    merged = vars(values).copy()
    for field in ("name", "model", "memory", "message", "folder"):
        merged[field] = merged[field] or getattr(own, field)
    merged["model"] = merged["model"] or (own.output if own.output and assigns(source, own.output) else None)
    merged["no_store"] = values.no_store or own.no_store
    named = {text.partition("=")[0].strip() for text in values.params}
    merged["params"] = [text for text in own.params if text.partition("=")[0].strip() not in named] + values.params
    merged["tags"] = own.tags + values.tags
    if own.send:
        raise UsageProblem(
            f"The cell sends variables of its kernel ({', '.join(split_names(own.send))}); a shell has none.",
            hint="Run the cell in a notebook.",
        )
    return argparse.Namespace(**merged)


def _plan(request: dict[str, Any], session: Session) -> Any:
    from ..contract.train import SubmitRun
    from ..platform import check
    from ..train.submission import prepare
    from .views import Plan

    checked = check(SubmitRun, request)
    assert isinstance(checked, SubmitRun)
    prepared = prepare(checked, session.platform.user, session.platform.settings)
    return Plan(prepared.run, prepared.job, prepared.module, prepared.python or sys.executable)
