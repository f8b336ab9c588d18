"""``dsp model export NOTEBOOK NAME`` and ``%dsp export NAME``: the untrained model to the versioned store."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from ..errors import Conflict
from .commands import Where
from .values import parse_params, split_names

if TYPE_CHECKING:
    from ..contract.model import ExportPlan
    from .documents import Cells
    from .session import Session


def add_arguments(parser: argparse.ArgumentParser, where: Where) -> None:
    """The same in both places, but for the notebook."""
    add = parser.add_argument
    if where == "shell":
        add("notebook", metavar="NOTEBOOK", help="Notebook file.")
    add("name", metavar="NAME", help="Name of the Spec; the next version is made.")
    add("-m", "--message", default="", help="Why this version.")
    add("--target", metavar="CELL", help="Number or id of the cell that makes the model. Left out: found by itself.")
    add("--keep", action="extend", nargs="+", metavar="CELL",
        help="Exactly these cells, by number or id, instead of what the data flow says.")  # fmt: skip
    add("--file", dest="files", action="append", metavar="PATH",
        help="Local file to include, again for each. Left out: those that the code imports.")  # fmt: skip
    add("-p", "--param", dest="params", action="append", default=[], metavar="NAME=VALUE", help="New default.")
    add("--prove", action="store_true", help="Run the cells in a fresh process first; export only if they run.")
    add("--wait", action=argparse.BooleanOptionalAction, default=None, help="With --prove: wait for the proof.")
    add("--dry-run", action="store_true", help="Show what would be exported and what changed, write nothing.")


def run(values: argparse.Namespace, session: Session) -> Any:
    """Plan, show what changed, then export or prove. Raises Conflict where the plan has problems."""
    notebook = session.cells(values)
    request = _request(values, notebook)
    plan: ExportPlan = session.platform.call("model.plan-export", request)
    if values.dry_run:
        return plan
    if plan.problems:
        raise Conflict(
            f"This cannot be exported: {plan.problems[0]}",
            hint=f"{len(plan.problems) - 1} more: --dry-run shows all." if len(plan.problems) > 1 else None,
            problems=plan.problems,
        )
    if not values.as_json:
        from .views import plan_text

        session.say(plan_text(plan))
    request |= {
        "message": values.message,
        "document": notebook.document,
        "expect": plan.diff.base_version or 0,
    }
    if values.prove:
        if session.where == "shell" and values.wait is None:
            values.wait = True  # the answer of a proof is whether it runs
        return session.submitted(session.platform.call("train.prove", request), values)
    return session.platform.call("model.export", request)


def _request(values: argparse.Namespace, notebook: Cells) -> dict[str, Any]:
    keep = split_names(values.keep) if values.keep else None
    return {
        "name": values.name,
        "cells": notebook.cells,
        "target": notebook.find(values.target)["id"] if values.target else None,
        "keep": [notebook.find(name)["id"] for name in keep] if keep else None,
        "files": values.files,
        "notebook": notebook.path,
        "folder": notebook.folder,
        "params": parse_params(values.params),
        "kernel": notebook.kernel,
    }
