"""What differs between runs or versions: fields, curves, code by cell, and one sentence."""

from __future__ import annotations

import difflib
import math
from typing import TYPE_CHECKING, Any, Literal

from ..contract.base import Shape
from ..contract.model import DiffLine, ResolveVersion, VersionDetail
from ..contract.train import CodeDiff, ComparedItem, ComparedRow, Comparison, OneRun, ReadCurves, Run
from ..errors import InvalidInput, NotFound

if TYPE_CHECKING:
    from ..model.service import ModelService
    from .service import TrainService

Section = Literal["parameters", "metrics", "data", "environment", "model", "run", "tags"]
#: parts of metric names for which less is better
_LESS_IS_BETTER = ("loss", "error", "mse", "mae", "rmse", "perplexity", "latency", "time", "size")


class _Side(Shape):
    """One thing that is compared, with all that is known of it."""

    item: ComparedItem
    fields: dict[str, dict[str, Any]]
    cells: list[dict[str, Any]] = []


def compare(refs: list[str], train: TrainService, model: ModelService) -> Comparison:
    """Raises InvalidInput for a reference that is neither a version nor a run, NotFound where it does not exist."""
    if len(set(refs)) != len(refs):
        raise InvalidInput("The same thing is named twice.", hint="Name 2 to 10 different ones.", field="refs")
    sides = [_side(ref, train, model) for ref in refs]
    rows = _rows(sides)
    return Comparison(
        items=[side.item for side in sides],
        rows=[row for row in rows if row.differs],
        equal_count=sum(not row.differs for row in rows),
        code=[change for side in sides[1:] for change in _code(sides[0], side)],
        verdict=_verdict(sides, rows),
    )


def _side(ref: str, train: TrainService, model: ModelService) -> _Side:
    if "@" in ref:
        name, _, version = ref.partition("@")
        detail = model.resolve(_checked(ResolveVersion, model=name, ref=version))
        return _version(ref, detail, train)
    run = train.show(_checked(OneRun, run_id=ref))
    return _run(ref, run, train)


def _checked(type_: Any, **values: Any) -> Any:
    from pydantic import ValidationError

    try:
        return type_(**values)
    except ValidationError as error:
        raise InvalidInput(
            f"'{'@'.join(str(value) for value in values.values())}' is neither a version nor a run.",
            hint="Write digits@3, digits@production, or the 12 digits of a run.",
            field="refs",
        ) from error


def _version(ref: str, detail: VersionDetail, train: TrainService) -> _Side:
    run: Run | None = None
    if detail.run_id:
        try:
            run = train.show(OneRun(run_id=detail.run_id))
        except NotFound:
            run = None  # runs may be deleted, versions stay
    side = _run(ref, run, train) if run else _Side(item=ComparedItem(ref=ref, label=ref, noun="version"), fields={})
    side.item = side.item.model_copy(
        update={
            "noun": "version",
            "label": f"{detail.model} v{detail.version}",
            "model": detail.model,
            "version": detail.version,
            "created_at": detail.created_at,
            "metrics": detail.metrics or side.item.metrics,
            "params": detail.params or side.item.params,
            "size_bytes": detail.size_bytes,
        }
    )
    side.fields["parameters"] = dict(detail.params)
    side.fields["metrics"] = dict(detail.metrics)
    side.fields["tags"] = dict(detail.tags)
    side.fields["model"] = {
        "format": detail.format,
        "size_bytes": detail.size_bytes,
        **{key: value for key, value in detail.facts.items() if isinstance(value, str | int | float | bool)},
        "layers": [
            f"{layer.get('class')} {layer.get('output_shape', '')}".strip() for layer in detail.facts.get("layers", [])
        ]
        or None,
    }
    side.fields["data"] = _data(detail.data)
    if "environment" not in side.fields:
        side.fields["environment"] = dict(line.split("==", 1) for line in detail.requirements if "==" in line)
    return side


def _run(ref: str, run: Run, train: TrainService) -> _Side:
    curves = train.curves(ReadCurves(run_id=run.id, points=200))
    try:
        cells = train.source(OneRun(run_id=run.id)).cells
    except NotFound:
        cells = []
    compiled = {f"{key}": value for key, value in _flat(run.compile).items()}
    return _Side(
        item=ComparedItem(
            ref=ref,
            label=f"{run.name} · {run.id[:6]}",
            noun="run",
            run_id=run.id,
            created_at=run.created_at,
            series=[series for series in curves.series if series.unit == "epoch"] or curves.series,
            metrics=run.metrics,
            params=run.params,
            duration_s=run.duration_s,
        ),
        fields={
            "parameters": dict(run.params),
            "metrics": dict(run.metrics),
            "data": _data(run.data),
            "environment": {"python": run.environment.get("python"), **run.environment.get("packages", {})},
            "run": {
                "state": run.state,
                "duration_s": run.duration_s,
                "peak_memory_bytes": run.peak_memory_bytes,
                "notebook": run.notebook or None,
                "framework": run.framework or None,
                **compiled,
            },
            "tags": dict(run.tags),
        },
        cells=cells,
    )


def _flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, dict):
            flat.update(_flat(value, f"{prefix}{key}."))
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def _data(entries: list[Any]) -> dict[str, Any]:
    return {
        entry.name if entry.role in ("dataset", entry.name) else f"{entry.role} {entry.name}": (
            f"{entry.rows if entry.rows is not None else '?'} rows{' · ' + entry.digest[7:15] if entry.digest else ''}"
        )
        for entry in entries
    }


def _rows(sides: list[_Side]) -> list[ComparedRow]:
    rows: list[ComparedRow] = []
    sections: tuple[Section, ...] = ("parameters", "metrics", "data", "model", "environment", "run", "tags")
    for section in sections:
        names = dict.fromkeys(name for side in sides for name in side.fields.get(section, {}))
        for name in names:
            values = [side.fields.get(section, {}).get(name) for side in sides]
            rows.append(
                ComparedRow(
                    section=section,
                    field=name,
                    values=values,
                    differs=any(value != values[0] for value in values[1:]),
                    best=_best(name, values) if section == "metrics" else None,
                )
            )
    return rows


def less_is_better(metric: str) -> bool:
    """By its name: losses, errors, times and sizes."""
    return any(part in metric.lower() for part in _LESS_IS_BETTER)


def _best(name: str, values: list[Any]) -> int | None:
    if name == "learning_rate":
        return None
    known = [
        (value, index)
        for index, value in enumerate(values)
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    ]
    if len(known) < 2 or all(value == known[0][0] for value, _ in known):
        return None
    return (min if less_is_better(name) else max)(known, key=lambda pair: pair[0])[1]


def _code(first: _Side, other: _Side) -> list[CodeDiff]:
    before = {cell["id"]: cell for cell in first.cells}
    after = {cell["id"]: cell for cell in other.cells}
    if before and after and not before.keys() & after.keys():
        # other notebooks: cells pair up by place
        before = {str(place): cell for place, cell in enumerate(first.cells)}
        after = {str(place): cell for place, cell in enumerate(other.cells)}
    changes: list[CodeDiff] = []
    for key in dict.fromkeys([*before, *after]):
        old, new = before.get(key), after.get(key)
        if old and new and old["source"] == new["source"]:
            continue
        cell = new or old
        assert cell is not None
        changes.append(
            CodeDiff(
                ref=other.item.ref,
                cell=f"cell {cell['index'] + 1}",
                change="changed" if old and new else "added" if new else "removed",
                lines=diff_lines(old["source"] if old else "", new["source"] if new else ""),
            )
        )
    return changes


def diff_lines(before: str, after: str) -> list[DiffLine]:
    """Line diff, all lines kept."""
    ops: dict[str, Literal["same", "added", "removed"]] = {" ": "same", "+": "added", "-": "removed"}
    return [
        DiffLine(op=ops[line[0]], text=line[2:])
        for line in difflib.ndiff(before.splitlines(), after.splitlines())
        if line[0] in ops
    ]


def _verdict(sides: list[_Side], rows: list[ComparedRow]) -> str:
    metrics = [row for row in rows if row.section == "metrics" and row.best is not None]
    if not metrics:
        return "No metric tells them apart." if any(side.item.metrics for side in sides) else "They have no metrics."
    row = min(metrics, key=lambda row: _rank(row.field))
    assert row.best is not None
    best = row.values[row.best]
    others = [value for index, value in enumerate(row.values) if index != row.best and isinstance(value, int | float)]
    second = (min if less_is_better(row.field) else max)(others)
    gap = abs(best - second)
    points = "accuracy" in row.field or row.field.split("_")[-1] in ("acc", "auc", "f1", "precision", "recall")
    text = f"{gap * 100:.1f} points" if points and abs(best) <= 1 else f"{gap:.4g}"
    size = sides[row.best].item.size_bytes
    extra = f" It takes {size / 1e6:.1f} MB." if size else ""
    rest = "the other" if len(sides) == 2 else "the next best"
    return (
        f"{sides[row.best].item.label} beats {rest} on {row.field} by {text} ({best:.4g} against {second:.4g}).{extra}"
    )


def _rank(metric: str) -> tuple[int, str]:
    order = ("val_accuracy", "val_", "accuracy", "auc", "f1", "r2", "score")
    for place, part in enumerate(order):
        if metric.startswith(part) or part in metric:
            return place, metric
    return len(order), metric
