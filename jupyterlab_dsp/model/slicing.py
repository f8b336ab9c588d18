"""The slice: a cell and the earlier cells that it needs, found by static data flow over the notebook's text.

What holds: run from top to bottom, the included cells give the target what all cells would give it. For every
included cell, the cells that define its names are included, and those that may change the objects between.
"""

from __future__ import annotations

import builtins
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from ..errors import InvalidInput
from . import known_calls as known
from .calls import Program
from .cell_reading import ReadCell, read
from .flows import CellFlow
from .local_files import data_files, local_imports
from .order_checks import order_warnings
from .parameters import apply_parameters, find_parameters, parse_value
from .slice_problems import check_runnable, missing_name, refuse_if_only_there
from .slices import CellSource, FoundFile, Parameter, Slice, SliceCell, Unresolved

__all__ = [
    "CellSource",
    "FoundFile",
    "Parameter",
    "Slice",
    "SliceCell",
    "Unresolved",
    "apply_parameters",
    "data_files",
    "local_imports",
    "parameters",
    "parse_value",
    "slice_cells",
]

parameters = find_parameters
_BUILTINS = frozenset(dir(builtins)) | {"__name__", "__file__", "__doc__", "__annotations__", "display"}


def slice_cells(
    cells: Sequence[CellSource],
    target_id: str,
    *,
    keep: Iterable[str] | None = None,
    given: Iterable[str] = (),
    kernel_names: Iterable[str] | None = None,
) -> Slice:
    """The target and the earlier cells that it needs.

    keep: exactly these cells instead (and the target); names that they miss are reported as unresolved.
    given: names that are sent along and need no definition.  kernel_names: names alive in the kernel.
    Raises CellNotRunnable, which names cell and line, where a needed cell cannot run outside the notebook.
    """
    ordered = sorted(cells, key=lambda cell: cell.index)
    place = next((n for n, cell in enumerate(ordered) if cell.id == target_id), None)
    if place is None:
        raise InvalidInput(f"There is no code cell '{target_id}' in this notebook.", field="target")
    reads = [read(cell) for cell in ordered]
    slicer = _Slicer(reads, place, set(given), None if keep is None else set(keep), set(kernel_names or ()))
    return slicer.run()


@dataclass(slots=True)
class _Slicer:
    reads: list[ReadCell]
    target: int
    given: set[str]
    keep: set[str] | None
    kernel_names: set[str]
    reasons: dict[int, list[tuple[str, str]]] = field(default_factory=dict)
    unresolved: dict[tuple[str, int], Unresolved] = field(default_factory=dict)
    sources_of: dict[str, int] = field(default_factory=dict)
    program: Program = field(init=False)
    #: of each cell: names whose objects it may change, by group
    changed: list[dict[str, list[str]]] = field(init=False)
    doubts: list[str] = field(default_factory=list)
    _todo: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        usable = [r.flow if self._is_usable(n) else CellFlow() for n, r in enumerate(self.reads[: self.target + 1])]
        self.program = Program(usable)
        self.changed = []
        for flow in usable:
            by_group: dict[str, list[str]] = {}
            for name in sorted(self.program.changed(flow)):
                by_group.setdefault(self.program.group(name), []).append(name)
            self.changed.append(by_group)

    def _is_usable(self, place: int) -> bool:
        """Whether the cell runs as Python in the notebook. The body of another training job does not."""
        return self.reads[place].is_python and (place == self.target or not self.reads[place].is_job)

    def run(self) -> Slice:
        self._include(self.target, "target", "")
        if self.keep is not None:
            for place, each in enumerate(self.reads[: self.target]):
                if each.cell.id in self.keep:
                    self._include(place, "kept", "")
        while self._todo:
            while self._todo:
                self._resolve_cell(self._todo.pop())
            if self.keep is None:
                self._add_settings()
        for place in sorted(self.reasons):
            check_runnable(self.reads[place], is_target=place == self.target)
        return self._result()

    def _include(self, place: int, kind: str, name: str) -> None:
        if self.keep is not None and place != self.target and self.reads[place].cell.id not in self.keep:
            return
        if place not in self.reasons:
            self.reasons[place] = []
            self._todo.append(place)
        if (kind, name) not in self.reasons[place]:
            self.reasons[place].append((kind, name))

    # names

    def _resolve_cell(self, place: int) -> None:
        flow = self.reads[place].flow
        for name, line in flow.uses.items():
            self._resolve(name, place, line)
        for name, line in flow.deferred.items():
            self._resolve(name, place, line, is_deferred=True)
        for name in self.program.changed(flow) - set(flow.uses) - set(flow.defines) - set(flow.deferred):
            # changed through a function: its own definition must be there
            if any(name in self.reads[n].flow.defines for n in range(place)):
                self._resolve(name, place, 1, is_deferred=True)

    def _resolve(self, name: str, place: int, line: int, *, is_deferred: bool = False) -> None:
        if name in self.given:
            return
        flow = self.reads[place].flow
        start = self.target if is_deferred else place
        stop_before = place if is_deferred else self.target + 1
        closed = is_deferred and name not in flow.deferred_open and name in flow.deferred
        group = self.program.group(name)
        found = (is_deferred and (name in flow.defines or name in self.reads[self.target].flow.defines)) or closed
        deleted_in: int | None = None
        submodules_only = False
        for k in range(start - 1, -1, -1):
            if k == place or not self._is_usable(k):
                continue
            if closed and k < place:
                break
            other = self.reads[k].flow
            if submodules_only:
                if name in other.submodules:
                    self._include(k, "defines", name)
                continue
            if name in other.deleted and not is_deferred:
                deleted_in = k
                break
            if name in other.defines:
                self._include(k, "defines", name)
                found = found or self._is_included(k)
                self.sources_of.setdefault(name, k)
                if name in other.definite and (not is_deferred or k < stop_before):
                    is_import = name in other.imports and name not in other.submodules
                    if not is_import:
                        if name in other.submodules:
                            continue
                        break
                    submodules_only = True
                    continue
            if other.star_imports and name not in _BUILTINS:
                self._include(k, "star", other.star_imports[0])
                found = True
            elif group in self.changed[k]:
                names = self.changed[k][group]
                self._include(k, "changes", name if name in names else names[0])
        if not found and name not in _BUILTINS:
            self._miss(name, place, line, deleted_in, is_certain=not is_deferred)

    def _is_included(self, place: int) -> bool:
        return place in self.reasons

    def _miss(self, name: str, place: int, line: int, deleted_in: int | None, *, is_certain: bool) -> None:
        above, below = self.reads[: self.target], self.reads[self.target + 1 :]
        if is_certain and deleted_in is None:
            for other in reversed(above):
                refuse_if_only_there(name, other)
        text = missing_name(
            name, line, self.reads[place], above, below,
            deleted_in=None if deleted_in is None else self.reads[deleted_in],
            is_kept=self.keep is not None,
            kernel_names=self.kernel_names,
        )  # fmt: skip
        cell = self.reads[place].cell
        if is_certain:
            self.unresolved.setdefault((name, place), Unresolved(name, cell.id, cell.index, line, text))
        else:
            # only the body of a function uses it, which may never be called
            self.doubts.append(text)

    # seeds and other settings

    def _add_settings(self) -> None:
        modules = set(_modules(self.reads[n].flow for n in self.reasons))
        # a name imported elsewhere and used here counts, too
        for place, flow in enumerate(self.program.flows[: self.target]):
            if place in self.reasons:
                continue
            for dotted, _ in self.program.settings(flow):
                root = dotted.split(".")[0]
                if root in {"sys", "os", "__future__"}:
                    is_meant = bool(modules - {"os", "sys"}) or root == "__future__"
                elif known.is_seed(dotted):
                    is_meant = bool(modules & known.SEED_FAMILIES.get(root, frozenset({root})))
                else:
                    is_meant = root in modules or (root, True) in {("keras", "tensorflow" in modules)}
                if is_meant:
                    self._include(place, "seed" if known.is_seed(dotted) else "sets", dotted)
                    break

    # the answer

    def _result(self) -> Slice:
        by_cell: dict[int, list[str]] = {}
        for place in self.reasons:
            number = self.reads[place].cell.number
            by_cell[place] = [f"cell {number}: {note}" for note in self.reads[place].text.notes]
            sent = sorted(self.given & set(self.reads[place].flow.defines))
            by_cell[place] += [f"'{name}' is sent along, but cell {number} assigns it" for name in sent]
        for place, text in order_warnings(self.reads, self.target, set(self.reasons), self.sources_of):
            by_cell.setdefault(place, []).append(text)
        cells = tuple(self._cell(place, by_cell.get(place, [])) for place in range(len(self.reads)))
        included = [self.reads[place] for place in sorted(self.reasons)]
        unresolved = sorted(self.unresolved.values(), key=lambda each: (each.cell_index, each.line, each.name))
        uses_display = any("display" in (r.flow.uses | r.flow.deferred) for r in included)
        return Slice(
            self.reads[self.target].cell.id,
            cells,
            tuple(unresolved),
            tuple(sorted(self.given)),
            tuple(sorted(set(_modules(r.flow for r in included)))),
            tuple([text for place in sorted(by_cell) for text in by_cell[place]] + self.doubts),
            uses_display and "display" not in self.program.imports,
        )

    def _cell(self, place: int, warnings: list[str]) -> SliceCell:
        each = self.reads[place]
        flow, cell = each.flow, each.cell
        return SliceCell(
            cell.id, cell.index, place in self.reasons, self._reason(place), _title(each.text.python or cell.source),
            tuple(flow.defines), tuple(sorted({*flow.uses, *flow.deferred} - _BUILTINS)), tuple(warnings),
            cell.source, each.text.python, each.text.dropped, cell.execution_count,
        )  # fmt: skip

    def _reason(self, place: int) -> str:
        if place in self.reasons:
            kinds: dict[str, list[str]] = {}
            for kind, name in self.reasons[place]:
                kinds.setdefault(kind, []).append(name)
            if "target" in kinds:
                return "the cell itself"
            for kind, words in _REASONS.items():
                if kind in kinds:
                    names = [name for name in kinds[kind] if name]
                    return f"{words} {_list(names)}".strip() if kind != "seed" else words
        if place > self.target:
            return "below the target"
        each = self.reads[place]
        if each.text.foreign:
            return f"a {each.text.foreign} cell, not Python"
        if each.syntax_error is not None:
            return f"does not parse (line {each.syntax_error.lineno or 1})"
        if each.is_job:
            return "a training job of its own"
        if not each.text.python.strip():
            return "empty"
        if not each.flow.defines:
            if self.program.is_only(each.flow, ["matplotlib", "seaborn", "plotly", "altair"]):
                return "only plots"
            if self.program.is_only(each.flow, ["print", "display", "pprint"]):
                return "only prints"
        return "not needed"


_REASONS = {
    "defines": "defines",
    "changes": "changes",
    "seed": "sets the seed",
    "sets": "sets",
    "star": "may define names, by import * from",
    "kept": "chosen by you",
}


def _list(names: list[str]) -> str:
    names = list(dict.fromkeys(names))
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")


def _modules(flows: Iterable[CellFlow]) -> list[str]:
    return [module.split(".")[0] for flow in flows for module in flow.modules if not module.startswith(".")]


def _title(text: str) -> str:
    """The first line that tells something."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    telling = [line for line in lines if not line.startswith(("#", "pass  #"))]
    # a cell of magics alone: its first line as it was written, not what stands for it in the job
    first = (telling or [re.sub(r"^pass  # dropped: ", "", lines[0]).lstrip("# ") if lines else ""])[0]
    return first if len(first) <= 80 else first[:79] + "…"
