"""Which object of a finished job is the model, and how it becomes the next version."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

from ..errors import InvalidInput
from ..model.formats import format_of_live_model
from .current import CurrentRun


def keep_model(job: dict[str, Any], names: dict[str, Any], fitted: Any, run: CurrentRun) -> dict[str, Any] | None:
    """Store the model as the next version of ``job["name"]``; None where there is none and none was asked for.

    Raises InvalidInput where the variable that was asked for does not exist, and what the format raises.
    """
    model = _find(job, names, fitted, run)
    if model is None:
        run.tracker.warn("No model was found to store. Name its variable with --model.")
        return None
    run.tracker.phase("storing the model")
    version = run.platform.model.save_object(
        model,
        job["name"],
        metrics=dict(run.tracker.metrics),
        params=job.get("params") or {},
        run_id=run.run_id,
        spec=job.get("spec"),
        data=run.tracker.data,
        tags=job.get("tags") or {},
        message=job.get("message") or "",
        notebook=job.get("notebook") or "",
        environment_digest=run.tracker.facts.get("environment_digest", ""),
    )
    return {"model": version.model, "version": version.version}


def _find(job: dict[str, Any], names: dict[str, Any], fitted: Any, run: CurrentRun) -> Any | None:
    wanted = job.get("model")
    if wanted and wanted in names:
        return names[wanted]
    if wanted:
        if fitted is None:
            raise InvalidInput(
                f"There is no variable '{wanted}' after the cells ran.",
                hint=f"Assign the model to '{wanted}', or name another variable with --model.",
                field="model",
            )
        run.tracker.warn(f"There is no variable '{wanted}'; the last model that was fitted is stored.")
    if fitted is not None:
        return fitted
    target = next((cell["source"] for cell in job["cells"] if cell["id"] == job["target"]), "")
    # what the target cell made or fitted last, else the newest name, of a kind that a safe format knows
    for name in dict.fromkeys([*_made_in(target), *reversed(list(names))]):
        if name in names and not name.startswith("_") and _is_model(names[name]):
            return names[name]
    return None


def _made_in(source: str) -> list[str]:
    """Names that a cell assigns or calls ``fit`` on at its top level, the last one first."""
    try:
        found = list(_made(ast.parse(source)))
    except (SyntaxError, ValueError, RecursionError):
        return []
    return [name for _, name in sorted(found, reverse=True)]


def _made(node: ast.AST) -> Iterator[tuple[tuple[int, int], str]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            continue
        match child:
            case ast.Name(id=name, ctx=ast.Store()):
                yield (child.lineno, child.col_offset), name
            case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr="fit" | "partial_fit")):
                yield (child.lineno, child.col_offset), name
        yield from _made(child)


def _is_model(value: Any) -> bool:
    try:
        return format_of_live_model(value) is not None
    except Exception:  # noqa: BLE001  looking at an object of the user's runs code of the user's
        return False
