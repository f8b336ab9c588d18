"""Answers as text and HTML, by their type."""

from __future__ import annotations

import html
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from ..contract import base, model, system, train
from . import format
from .progress import how, where

if TYPE_CHECKING:
    from .commands import Command


class Note(str):
    """An answer that is a sentence."""


@dataclass(frozen=True)
class Plan:
    """What ``--dry-run`` of a training shows."""

    run: dict[str, Any]
    job: dict[str, Any]
    module: str
    python: str


@dataclass(frozen=True)
class View:
    """An answer in both forms."""

    text: str
    html: str


def to_json(answer: Any) -> str:
    """The answer as the contract has it."""
    if isinstance(answer, BaseModel):
        return answer.model_dump_json(indent=2)
    if isinstance(answer, Plan):
        shown = {"run": {k: v for k, v in answer.run.items() if k[0] != "_"}, "module": answer.module}
        return json.dumps(shown, indent=2, default=str)
    return json.dumps(str(answer))


def view(answer: Any, command: Command | None = None) -> View:
    """Text and HTML of an answer."""
    if isinstance(answer, base.PageOf):
        operation = command.operation if command else None
        return _page(answer, operation.cli.columns if operation and operation.cli else ())
    for type_, draw in _DRAWN.items():
        if isinstance(answer, type_):
            return draw(answer)
    if isinstance(answer, BaseModel):
        return _facts({name: format.number(value) for name, value in answer.model_dump(mode="json").items()})
    return _preformatted(str(answer))


def _facts(facts: dict[str, str], *more: str) -> View:
    text = "\n\n".join([format.text_facts(facts), *(part for part in more if part)])
    return View(text, format.html_facts(facts) + "".join(_pre(part) for part in more if part))


def _preformatted(text: str) -> View:
    return View(text, _pre(text) if "\n" in text else f"<div>{html.escape(text)}</div>")


def _pre(text: str) -> str:
    return f"<pre>{html.escape(text)}</pre>"


# -- tables ---------------------------------------------------------------------------------------------------------

_HEADS = {"created_at": "age", "updated_at": "changed", "size_bytes": "size", "latest_version": "newest"}


def _page(page: base.PageOf[Any], columns: tuple[str, ...]) -> View:
    if not page.items:
        return _preformatted("Nothing found.")
    names = columns or tuple(list(type(page.items[0]).model_fields)[:6])
    head = [_HEADS.get(name, name) for name in names]
    rows = [[_column(name, item) for name in names] for item in page.items]
    below = []
    if page.total is not None:
        below.append(f"{page.total} in all.")
    if page.next_cursor:
        below.append(f"More: --cursor {page.next_cursor}")
    text = "\n".join([format.text_table(head, rows), *below])
    return View(text, format.html_table(head, rows) + (_pre("\n".join(below)) if below else ""))


def _column(name: str, item: Any) -> str:
    value = getattr(item, name, None)
    if name.endswith("_at"):
        return format.age(value)
    if name.endswith("_bytes"):
        return format.size(value)
    if name == "metrics":
        return format.metrics(value)
    if name == "state" and isinstance(item, train.RunRow):
        return _state(item)
    if name in ("version", "latest_version"):
        return f"v{value}" if value else "—"
    if name == "aliases" and isinstance(value, dict):
        return ", ".join(f"{alias} v{version}" for alias, version in value.items())
    if isinstance(value, dict):
        return format.pairs(value)
    if isinstance(value, list):
        return ", ".join(str(part) for part in value)
    return "" if value is None else str(value)


def _state(run: train.RunRow) -> str:
    if run.state == "running":
        return where(run.progress) or ("stopping" if run.stopping else "running")
    if run.state == "succeeded" and run.stored:
        return f"stored as v{run.stored.version}"
    return run.state


# -- one thing --------------------------------------------------------------------------------------------------------


def _run(run: train.Run) -> View:
    problem = run.problem
    facts = run_facts(run)
    trace = problem.traceback if problem and problem.traceback else ""
    return _facts(facts, run.summary.rstrip(), trace.rstrip())


def run_facts(run: train.Run) -> dict[str, str]:
    """What a person asks first of a run."""
    problem = run.problem
    return {
        "run": f"{run.id}  {run.name}",
        "state": how(run) if run.is_final else where(run.progress) or run.state,
        "problem": problem.message + (f"\n{problem.hint}" if problem.hint else "") if problem else "",
        "stored": f"{run.stored.model} v{run.stored.version}" if run.stored else "",
        "exported": f"{run.exported.name} v{run.exported.version}" if run.exported else "",
        "metrics": format.pairs(run.metrics, 12),
        "parameters": format.pairs(run.params, 20),
        "message": run.message,
        "tags": format.pairs(run.tags, 20),
        "started": format.age(run.started_at or run.created_at) + (f" by {run.created_by}" if run.created_by else ""),
        "from": _origin(run),
        "retry of": run.retry_of or "",
        "compiled": format.pairs(run.compile, 8),
        "data": "\n".join(_data(each) for each in run.data[:12]),
        "memory": _memory(run),
        "processor": format.duration(run.cpu_time_s),
        "artifacts": "\n".join(f"{file.path}  {format.size(file.size_bytes)}" for file in run.artifacts),
        "warnings": "\n".join(run.warnings),
    }


def _origin(run: train.Run) -> str:
    cells = ", ".join(str(cell.index + 1) for cell in run.cells)
    return ", ".join(part for part in (run.notebook, f"cells {cells}" if cells else "") if part)


def _memory(run: train.Run) -> str:
    if run.peak_memory_bytes is None:
        return f"limit {format.size(run.memory_limit_bytes)}" if run.memory_limit_bytes else ""
    limit = f" of {format.size(run.memory_limit_bytes)}" if run.memory_limit_bytes else ""
    return f"{format.size(run.peak_memory_bytes)}{limit} at most"


def _data(used: Any) -> str:
    shape = " x ".join("?" if n is None else str(n) for n in used.shape) if used.shape is not None else ""
    return "  ".join(part for part in (used.role, used.name, shape, used.dtype or "", (used.digest or "")[:19]) if part)


def _model(found: model.Model) -> View:
    return _facts(
        {
            "model": found.name,
            "description": found.description,
            "newest": f"v{found.latest_version}" if found.latest_version else "no version",
            "versions": str(found.version_count),
            "aliases": ", ".join(f"{alias} v{version}" for alias, version in found.aliases.items()),
            "headline": found.headline or "",
            "metrics": format.metrics(found.latest.metrics, 6) if found.latest else "",
            "tags": format.pairs(found.tags, 20),
            "changed": format.age(found.updated_at),
        }
    )


def _version(found: model.Version) -> View:
    facts = {
        "version": f"{found.model} v{found.version}" + ("" if found.state == "active" else f" ({found.state})"),
        "aliases": ", ".join(found.aliases),
        "description": found.description,
        "message": found.message,
        "format": found.format,
        "size": format.size(found.size_bytes),
        "unsafe": found.unsafe_reason or "",
        "metrics": format.pairs(found.metrics, 12),
        "parameters": format.pairs(found.params, 20),
        "tags": format.pairs(found.tags, 20),
        "made": format.age(found.created_at) + (f" by {found.created_by}" if found.created_by else ""),
        "run": found.run_id or "",
        "notebook": found.notebook,
    }
    if isinstance(found, model.VersionDetail):
        facts |= {
            "files": "\n".join(f"{file.path}  {format.size(file.size_bytes)}" for file in found.files),
            "data": "\n".join(_data(each) for each in found.data[:12]),
            "lineage": " > ".join(step.label for step in found.lineage),
            "load it": found.load_code,
        }
    return _facts(facts)


def _spec(found: model.Spec) -> View:
    facts = {
        "Spec": f"{found.name} v{found.version}",
        "message": found.message,
        "digest": found.digest[:19],
        "commit": found.commit[:12],
        "cells": str(found.cell_count or ""),
        "parameters": format.pairs(found.params, 20),
        "proof": "its cells ran in a fresh process" if found.proof == "passed" else "",
        "made": format.age(found.created_at) + (f" by {found.created_by}" if found.created_by else ""),
        "notebook": found.notebook,
    }
    if isinstance(found, model.SpecDetail):
        facts["files"] = "\n".join(f"{file.path}  {format.size(file.size_bytes)}" for file in found.files)
        return _facts(facts, diff_text(found.diff), found.module)
    return _facts(facts)


def plan_text(plan: model.ExportPlan) -> str:
    """What an export would contain, and what changed."""
    cells = [f"  cell {cell.index + 1}: {cell.title}  ({cell.reason})" for cell in plan.cells if cell.included]
    warnings = [f"  cell {c.index + 1}: {text}" for c in plan.cells if c.included for text in c.warnings]
    warnings += [f"  {text}" for text in plan.warnings]
    parts = [
        _part(f"{plan.name} v{plan.next_version}: {len(cells)} of {len(plan.cells)} cells", cells),
        _part("Parameters", [f"  {p.name} = {p.default!r}" for p in plan.parameters]),
        _part("Files", [f"  {f.path}  {format.size(f.size_bytes)}, {f.used_by}" for f in plan.files if f.included]),
        _part("Problems", [f"  {text}" for text in plan.problems]),
        _part("Look at", list(dict.fromkeys(warnings))),
        diff_text(plan.diff),
    ]
    return "\n".join(part for part in parts if part)


def _part(title: str, lines: list[str]) -> str:
    return "\n".join([title, *lines]) if lines else ""


#: changes of one section that a text shows; a new environment has hundreds
_MOST_CHANGES = 12


def diff_text(diff: model.SemanticDiff) -> str:
    """What changed since the version before, by meaning."""
    if diff.base_version is None:
        return "The first version."
    if diff.is_empty:
        return f"Nothing changed since v{diff.base_version}."
    lines = [f"Changed since v{diff.base_version}"]
    for section in ("architecture", "parameters", "data", "environment", "files"):
        changes = getattr(diff, section)
        lines += [f"  {section}: {change.text}" for change in changes[:_MOST_CHANGES]]
        if len(changes) > _MOST_CHANGES:
            lines.append(f"  {section}: {len(changes) - _MOST_CHANGES} more; --json shows all")
    lines += [line for change in diff.code for line in _code_lines(f"{change.cell} {change.kind}", change.lines)]
    return "\n".join(lines)


def _code_lines(title: str, lines: list[model.DiffLine]) -> list[str]:
    signs = {"added": "+", "removed": "-"}
    return [f"  {title}", *(f"    {signs[line.op]} {line.text}" for line in lines if line.op in signs)]


def _comparison(found: train.Comparison) -> View:
    head = ["", *(item.label for item in found.items)]
    rows = []
    for row in found.rows:
        if row.differs:
            show = _unit(row.field)
            values = [show(value) for value in row.values]
            if row.best is not None and row.best < len(values):
                values[row.best] += " *"
            rows.append([row.field.removesuffix("_bytes").removesuffix("_s"), *values])
    code = "\n".join(
        line for each in found.code for line in _code_lines(f"{each.ref}: {each.cell} {each.change}", each.lines)
    )
    below = f"* best. {found.equal_count} fields are equal." if rows else f"{found.equal_count} fields, all equal."
    text = "\n".join(part for part in (found.verdict, format.text_table(head, rows), below, code) if part)
    made = f"<div>{html.escape(found.verdict)}</div>" + (format.html_table(head, rows) if rows else "")
    return View(text, made + f"<div>{html.escape(below)}</div>" + (_pre(code) if code else ""))


def _unit(field: str) -> Callable[[Any], str]:
    if field.endswith("_bytes"):
        return format.size
    return format.duration if field.endswith("_s") else format.number


def _history(found: model.History) -> View:
    if not found.points:
        return _preformatted(f"{found.model} has no version with '{found.metric}'.")
    rows = [
        [f"v{p.version}", format.number(p.value), ", ".join(p.aliases), format.age(p.created_at)] for p in found.points
    ]
    head = ["version", found.metric or "metric", "aliases", "age"]
    return View(format.text_table(head, rows), format.html_table(head, rows))


def _purged(found: model.Purged) -> View:
    verb = "would be freed" if found.dry_run else "freed"
    return _preformatted(f"{format.size(found.freed_bytes)} {verb}: {found.versions} versions, {found.blobs} blobs.")


def _fsck(found: model.FsckReport) -> View:
    looked = f"{found.models} models, {found.versions} versions, {found.blobs} blobs, {format.size(found.size_bytes)}"
    lines = [f"Clean: {looked}." if found.is_clean else f"{len(found.problems)} problems in {looked}."]
    lines += [f"  {problem.kind}  {problem.where}: {problem.message}" for problem in found.problems]
    if found.orphan_bytes:
        lines.append(f"{format.size(found.orphan_bytes)} belong to nothing; the next purge frees them.")
    return _preformatted("\n".join(lines))


def _info(found: system.Info) -> View:
    formats = [
        f"{each.name}" + (f" ({each.unavailable_reason})" if each.unavailable_reason else "") for each in found.formats
    ]
    facts = {name: str(getattr(found, name)) for name in ("version", "user", "home", "records", "store", "engine")}
    return _facts(facts | {"formats": "\n".join(formats)})


def _plan(plan: Plan) -> View:
    run = plan.run
    cells = "\n".join(
        f"cell {cell['index'] + 1}  {cell['reason']}" if cell.get("reason") else f"cell {cell['index'] + 1}"
        for cell in run["cells"]
    )
    facts = {
        "would train": run["name"],
        "cells": cells,
        "parameters": format.pairs(plan.job["params"], 50),
        "folder": plan.job["folder"],
        "python": plan.python,
        "model": plan.job.get("model") or "the last one that is fitted",
        "stored": f"as the next version of {run['name']}" if plan.job["keep"] else "no",
        "memory": f"ended at {format.size(run['memory_limit_bytes'])}" if run.get("memory_limit_bytes") else "",
        "warnings": "\n".join(run.get("warnings") or []),
    }
    return _facts(facts, plan.module)


_DRAWN: dict[type, Callable[[Any], View]] = {
    Plan: _plan,
    train.Run: _run,
    train.Comparison: _comparison,
    train.LogChunk: lambda chunk: _preformatted(chunk.text.rstrip("\n")),
    train.RunSource: lambda source: _preformatted(source.module.rstrip()),
    model.Model: _model,
    model.Version: _version,
    model.Spec: _spec,
    model.ExportPlan: lambda plan: _preformatted(plan_text(plan)),
    model.History: _history,
    model.Purged: _purged,
    model.FsckReport: _fsck,
    system.Info: _info,
    base.Done: lambda _: _preformatted("Done."),
}
