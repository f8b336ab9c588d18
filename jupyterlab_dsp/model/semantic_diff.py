"""What changed between two Specs, by meaning: architecture, parameters, data, environment, files, code by cell."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from .architecture import Layer, call_settings, read_architecture, recorded_architecture
from .cell_text import read_cell
from .changes import Change, Kind, change, diff_values
from .environment import diff_environments

_CONTEXT_LINES = 3
_SIMILAR = 0.6


@dataclass(frozen=True, slots=True)
class DiffLine:
    """One line of a cell."""

    op: Literal["same", "added", "removed"]
    text: str


@dataclass(frozen=True, slots=True)
class CodeChange:
    """One cell's change, with a few lines around."""

    cell: str
    kind: Kind
    lines: tuple[DiffLine, ...]


@dataclass(frozen=True, slots=True)
class SemanticDiff:
    """Mirrors the contract type of the same name."""

    base_version: int | None = None
    architecture: tuple[Change, ...] = ()
    parameters: tuple[Change, ...] = ()
    data: tuple[Change, ...] = ()
    environment: tuple[Change, ...] = ()
    files: tuple[Change, ...] = ()
    code: tuple[CodeChange, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Nothing changed. Code that changed in comments only still counts."""
        return not (self.architecture or self.parameters or self.data or self.environment or self.files or self.code)

    def to_dict(self) -> dict[str, Any]:
        """As the contract wants it: lists, and ``is_empty``."""
        values = asdict(self)
        lists = {key: list(value) if isinstance(value, tuple) else value for key, value in values.items()}
        for each in lists["code"]:
            each["lines"] = list(each["lines"])
        return {**lists, "is_empty": self.is_empty}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> SemanticDiff:
        sections = ("architecture", "parameters", "data", "environment", "files")
        code = tuple(
            CodeChange(each["cell"], each["kind"], tuple(DiffLine(**line) for line in each["lines"]))
            for each in values.get("code", ())
        )
        parts = {name: tuple(Change.from_dict(each) for each in values.get(name, ())) for name in sections}
        return cls(base_version=values.get("base_version"), code=code, **parts)


def diff_specs(
    old: Mapping[str, Any] | None, new: Mapping[str, Any], *, base_version: int | None = None
) -> SemanticDiff:
    """Compare two Specs; ``old`` None (the first version) gives an empty diff.

    Read from a Spec, each part optional: cells [{id, index, source}], parameters (list of {name, default} or
    {name: value}), data [{name, version, digest, rows, uri}], environment (``capture_environment``),
    files [{path, digest, size_bytes}], architecture [{class, name, config, parameters}] as recorded by a run.
    """
    if old is None:
        return SemanticDiff()
    return SemanticDiff(
        base_version,
        tuple(_architecture(old, new)),
        tuple(_parameters(old, new)),
        tuple(_data(_named(old.get("data"), "name"), _named(new.get("data"), "name"))),
        tuple(diff_environments(old.get("environment") or {}, new.get("environment") or {})),
        tuple(_files(_named(old.get("files"), "path"), _named(new.get("files"), "path"))),
        tuple(diff_cells(old.get("cells") or (), new.get("cells") or ())),
    )


def diff_cells(old: Sequence[Mapping[str, Any]], new: Sequence[Mapping[str, Any]]) -> list[CodeChange]:
    """Cells matched by id, then by likeness; in the order of the new, removed ones last."""
    pairs = _match(old, new)
    found = []
    for cell in new:
        before = pairs.get(id(cell))
        after_lines = str(cell["source"]).splitlines()
        if before is None:
            found.append(CodeChange(_label(cell), "added", tuple(DiffLine("added", line) for line in after_lines)))
        elif str(before["source"]).rstrip() != str(cell["source"]).rstrip():
            lines = diff_lines(str(before["source"]).splitlines(), after_lines)
            found.append(CodeChange(_label(cell), "changed", tuple(lines)))
    matched = {id(cell) for cell in pairs.values()}
    for cell in old:
        if id(cell) not in matched:
            lines_ = tuple(DiffLine("removed", line) for line in str(cell["source"]).splitlines())
            found.append(CodeChange(_label(cell), "removed", lines_))
    return found


def diff_lines(old: Sequence[str], new: Sequence[str]) -> list[DiffLine]:
    """Lines removed and added, with a few unchanged ones around."""
    lines: list[DiffLine] = []
    for group in difflib.SequenceMatcher(None, old, new, autojunk=False).get_grouped_opcodes(_CONTEXT_LINES):
        if lines:
            lines.append(DiffLine("same", "…"))
        for op, a, b, c, d in group:
            if op == "equal":
                lines += [DiffLine("same", line) for line in new[c:d]]
            else:
                lines += [DiffLine("removed", line) for line in old[a:b]]
                lines += [DiffLine("added", line) for line in new[c:d]]
    return lines


def _label(cell: Mapping[str, Any]) -> str:
    return f"cell {int(cell['index']) + 1}" if cell.get("index") is not None else str(cell.get("id", "cell"))


def _match(old: Sequence[Mapping[str, Any]], new: Sequence[Mapping[str, Any]]) -> dict[int, Mapping[str, Any]]:
    by_id = {cell.get("id"): cell for cell in old if cell.get("id")}
    pairs = {id(cell): by_id[cell.get("id")] for cell in new if cell.get("id") in by_id}
    taken = {id(cell) for cell in pairs.values()}
    free = [cell for cell in old if id(cell) not in taken]
    for cell in new:
        if id(cell) in pairs or not free:
            continue
        ratios = [difflib.SequenceMatcher(None, str(c["source"]), str(cell["source"])).ratio() for c in free]
        best = max(range(len(free)), key=ratios.__getitem__)
        if ratios[best] >= _SIMILAR:
            pairs[id(cell)] = free.pop(best)
    return pairs


def _python(spec: Mapping[str, Any]) -> list[str]:
    return [read_cell(str(cell["source"])).python for cell in spec.get("cells") or ()]


def _values(spec: Mapping[str, Any]) -> dict[str, Any]:
    given = spec.get("parameters") or {}
    if isinstance(given, Mapping):
        return dict(given)
    return {each["name"]: each.get("default", each.get("value")) for each in given}


def _parameters(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Change]:
    found = diff_values(_values(old), _values(new))
    before, after = call_settings(_python(old), _values(old)), call_settings(_python(new), _values(new))
    for key in [*before, *(key for key in after if key not in before)]:
        if key in before and key in after and before[key][1] == after[key][1]:
            continue  # written the same: a parameter in it is listed above
        found += diff_values(
            {key: _plain(before[key][0])} if key in before else {},
            {key: _plain(after[key][0])} if key in after else {},
        )
    return found


def _plain(text: str) -> str:
    return text.strip("'\"") if text[:1] in "'\"" else text


def _architecture(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Change]:
    if old.get("architecture") and new.get("architecture"):
        before, after = recorded_architecture(old["architecture"]), recorded_architecture(new["architecture"])
        found = diff_layers(before, after)
        counts = [_count(old["architecture"]), _count(new["architecture"])]
        if None not in counts and counts[0] != counts[1]:
            words = f"{counts[0]:,} → {counts[1]:,} parameters".replace(",", "\N{NO-BREAK SPACE}")
            found.append(Change("changed", "parameters", counts[0], counts[1], words))
        return found
    return diff_layers(read_architecture(_python(old), _values(old)), read_architecture(_python(new), _values(new)))


def _count(rows: Iterable[Mapping[str, Any]]) -> int | None:
    counts = [row.get("parameters") for row in rows]
    known = [each for each in counts if isinstance(each, int)]
    return sum(known) if len(known) == len(counts) else None


def diff_layers(old: Sequence[Layer], new: Sequence[Layer]) -> list[Change]:
    """Layers added, removed and changed, each with its place in words."""
    found: list[Change] = []
    matcher = difflib.SequenceMatcher(None, [each.text for each in old], [each.text for each in new], autojunk=False)
    for op, a, b, c, d in matcher.get_opcodes():
        if op == "equal":
            continue
        left, right = list(old[a:b]), list(enumerate(new[c:d], c))
        for place, layer in right:
            twin = next((each for each in left if each.kind == layer.kind), None)
            if twin is None:
                where = f"after {new[place - 1].label}" if place else "at the start"
                found.append(Change("added", layer.kind, None, layer.text, f"+ {layer.label} {where}"))
                continue
            for gone in left[: left.index(twin)]:
                found.append(Change("removed", gone.kind, gone.text, None, f"- {gone.label}"))
            del left[: left.index(twin) + 1]
            short = twin.label != layer.label
            pair = (twin.label, layer.label) if short else (twin.text, layer.text)
            found.append(Change("changed", layer.kind, twin.text, layer.text, f"{pair[0]} → {pair[1]}"))
        found += [Change("removed", gone.kind, gone.text, None, f"- {gone.label}") for gone in left]
    return found


def _named(rows: Any, key: str) -> dict[str, Mapping[str, Any]]:
    if isinstance(rows, Mapping):
        return {str(name): row if isinstance(row, Mapping) else {"digest": row} for name, row in rows.items()}
    return {str(row.get(key, number)): row for number, row in enumerate(rows or ())}


def _data(old: Mapping[str, Mapping[str, Any]], new: Mapping[str, Mapping[str, Any]]) -> list[Change]:
    found = []
    for name, row in old.items():
        other = new.get(name)
        if other is None:
            found.append(Change("removed", name, dict(row), None, f"- {name}"))
            continue
        words = []
        if row.get("version") != other.get("version"):
            words.append(f"{name}@{row.get('version')} → {name}@{other.get('version')}")
        elif row.get("digest") != other.get("digest"):
            words.append(f"{name} has other contents")
        elif row.get("uri") != other.get("uri"):
            words.append(f"{name} {row.get('uri')} → {other.get('uri')}")
        rows, others = row.get("rows"), other.get("rows")
        if isinstance(rows, int) and isinstance(others, int) and rows != others:
            words.append(f"{abs(others - rows)} rows {'more' if others > rows else 'fewer'}")
        if words:
            found.append(Change("changed", name, dict(row), dict(other), ", ".join(words)))
    found += [Change("added", name, None, dict(row), f"+ {name}") for name, row in new.items() if name not in old]
    return found


def _files(old: Mapping[str, Mapping[str, Any]], new: Mapping[str, Mapping[str, Any]]) -> list[Change]:
    found = []
    for path, row in old.items():
        other = new.get(path)
        if other is None:
            found.append(Change("removed", path, row.get("digest"), None, f"- {path}"))
        elif other.get("digest") != row.get("digest"):
            found.append(Change("changed", path, row.get("digest"), other.get("digest"), f"{path} changed"))
    added = [(path, row) for path, row in new.items() if path not in old]
    return found + [Change("added", path, None, row.get("digest"), f"+ {path}") for path, row in added]


__all__ = [
    "Change",
    "CodeChange",
    "DiffLine",
    "SemanticDiff",
    "change",
    "diff_cells",
    "diff_layers",
    "diff_specs",
]
