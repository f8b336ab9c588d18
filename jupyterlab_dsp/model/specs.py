"""Export of the untrained model: plan, semantic diff, commit."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from blake3 import blake3

from ..contract.base import File
from ..contract.model import (
    ExportPlan,
    ExportSpec,
    ListSpecs,
    LocalFile,
    OneSpec,
    Parameter,
    PlanExport,
    PlannedCell,
    SemanticDiff,
    Spec,
    SpecDetail,
    SpecPage,
)
from ..errors import Conflict, Corrupt, InvalidInput
from ..plain import to_plain
from ..records import Query, Records
from .environment import capture_environment, requirements_text
from .fields import resolve_path
from .semantic_diff import diff_specs
from .slicing import CellSource, Slice, apply_parameters, data_files, local_imports, parameters, slice_cells
from .spec_module import to_module
from .spec_repository import SpecCommit, SpecRepository

if TYPE_CHECKING:
    from ..paths import Paths
    from ..settings import Settings
    from .plugin import Store

KIND = "spec"
SPEC_FILE, MODULE_FILE, NOTEBOOK_FILE = "spec.json", "model.py", "notebook.ipynb"
REQUIREMENTS_FILE, LOCK_FILE, FILES_FOLDER = "requirements.txt", "requirements.lock", "files"
_KERAS_BACKENDS = frozenset(("tensorflow", "tensorflow-cpu", "jax", "torch"))
#: what an export may carry of local files; bigger data belongs into the data area, by reference
MAX_FILE_BYTES = 8 * 2**20


class SpecService:
    """Use cases of the untrained model."""

    def __init__(self, records: Records, store: Store, paths: Paths, settings: Settings, user: str) -> None:
        self._records = records
        self._settings = settings
        self._user = user
        self._repository = SpecRepository(paths.specs)

    def plan_export(self, request: PlanExport) -> ExportPlan:
        """What an export would contain and what changed; nothing is written. Raises CellNotRunnable, InvalidInput."""
        return self._plan(request)[0]

    def export(self, request: ExportSpec, *, proof: bool = False) -> Spec:
        """Commit the Spec. The same Spec as the newest version gives that version, and no new one.

        proof: the cells have just run in a fresh process. Raises Conflict where ``expect`` is not the newest version.
        """
        plan, spec, contents = self._plan(request)
        if plan.problems:
            raise InvalidInput(f"This cannot be exported: {plan.problems[0]}", field="cells", problems=plan.problems)
        spec["proof"] = "passed" if proof else "none"
        files = {
            SPEC_FILE: _pretty(spec),
            MODULE_FILE: plan.module.encode("utf-8", "replace"),
            REQUIREMENTS_FILE: requirements_text(spec["environment"]).encode(),
            LOCK_FILE: requirements_text(spec["environment"], full=True).encode(),
            **{f"{FILES_FOLDER}/{path}": content for path, content in contents.items()},
        }
        if request.document is not None:
            files[NOTEBOOK_FILE] = _pretty(request.document, indent=1)
        while True:
            head = self._repository.head(request.name)
            newest = head.version if head else 0
            if request.expect is not None and request.expect != newest:
                raise Conflict(
                    f"'{request.name}' is at version {newest} now, not {request.expect}.",
                    hint="Look at what changed since, then export again.",
                    newest=newest,
                )
            if head and self._spec_of(request.name, head.version).get("digest") == spec["digest"]:
                return self._record(head)
            try:
                commit = self._repository.commit(request.name, files, request.message, self._user, expect=newest)
            except Conflict:
                if request.expect is not None or self._repository.head(request.name) == head:
                    raise
                continue  # somebody was faster: it may be the same Spec, else ours is the next version
            row = self._record(commit)
            if self._settings.specs_remote:
                self._repository.push(request.name, self._settings.specs_remote)
            return row

    def specs(self, request: ListSpecs) -> SpecPage:
        """One page of exported Specs, newest first."""
        self._catch_up(request.name)
        page = self._records.list(
            KIND,
            Query(
                where=resolve_path.filter(request.filter, KIND),
                sort=request.sort or ("" if request.name else "created_at"),
                descending=request.order == "desc",
                limit=request.limit,
                cursor=request.cursor,
                count=request.count,
            ),
            scope=request.name,
        )
        items = [Spec.model_validate(record.doc) for record in page.items]
        return SpecPage(items=items, next_cursor=page.next_cursor, total=page.total)

    def spec(self, request: OneSpec) -> SpecDetail:
        """One exported Spec with its code and what changed since the version before."""
        commit, files = self._repository.read(request.name, request.version)
        spec = json.loads(files[SPEC_FILE])
        before = self._spec_of(request.name, request.version - 1) if request.version > 1 else None
        row = self._record(commit)
        return SpecDetail(
            **row.model_dump(),
            module=files[MODULE_FILE].decode(),
            spec=spec,
            files=[
                File(path=path, size_bytes=len(content), digest=_digest(content))
                for path, content in sorted(files.items())
            ],
            diff=_diff(before, spec, request.version - 1 or None),
        )

    # -- plan ------------------------------------------------------------------------------------------------

    def _plan(self, request: PlanExport) -> tuple[ExportPlan, dict[str, Any], dict[str, bytes]]:
        cells = [
            CellSource(cell.id, cell.source, cell.index, cell.execution_count, cell.execution_source)
            for cell in request.cells
        ]
        if not cells:
            raise InvalidInput("The notebook has no code cell.", hint="Write one that builds a model.", field="cells")
        target = request.target or find_target(cells)
        names = request.kernel.names if request.kernel else None
        piece = slice_cells(cells, target, keep=request.keep, kernel_names=names)
        code = apply_parameters(piece, request.params)
        root = Path(request.folder) if request.folder else Path(request.notebook).parent if request.notebook else None
        files, contents = _local_files(piece, root, request.files)
        environment = _environment(piece, request.kernel.environment if request.kernel else {})
        spec = self._spec(request, piece, code, files, contents, environment)
        head = self._repository.head(request.name)
        before = self._spec_of(request.name, head.version) if head else None
        warnings = [warning for warning in piece.warnings if not _is_on_a_cell(warning, piece)]
        plan = ExportPlan(
            name=request.name,
            next_version=(head.version if head else 0) + 1,
            target=target,
            cells=[_planned(cell) for cell in piece.cells],
            parameters=[Parameter(**each.to_dict()) for each in parameters(code)],
            files=files,
            environment={key: value for key, value in environment.items() if key != "lock"},
            problems=piece.problems,
            warnings=warnings,
            diff=_diff(before, spec, head.version if head else None),
            digest=spec["digest"],
            module=to_module(piece, title=f"{request.name}: an untrained model.", cells=code),
            magic=f"%dsp export {request.name}",
        )
        return plan, spec, contents

    def _spec(
        self,
        request: PlanExport,
        piece: Slice,
        code: list[CellSource],
        files: list[LocalFile],
        contents: dict[str, bytes],
        environment: dict[str, Any],
    ) -> dict[str, Any]:
        spec: dict[str, Any] = {
            "name": request.name,
            "cells": [{"id": cell.id, "index": cell.index, "source": cell.source} for cell in code],
            "parameters": to_plain({each.name: each.default for each in parameters(code)}),
            "modules": list(piece.modules),
            "files": [
                {"path": file.path, "kind": file.kind, "size_bytes": file.size_bytes, "digest": _digest(content)}
                for file in files
                if (content := contents.get(file.path)) is not None
            ],
            "data": [
                {"name": file.path, "uri": file.path, "digest": None, "rows": None}
                for file in files
                if file.kind == "data" and file.path not in contents
            ],
            "environment": environment,
            "notebook": request.notebook,
            "target": piece.target_id,
        }
        # what makes the result: not where cells and notebook lie, nor packages that the code does not use
        essence = {
            "cells": [cell["source"] for cell in spec["cells"]],
            **{key: spec[key] for key in ("parameters", "files", "data")},
            "python": environment.get("python"),
            "packages": environment.get("packages"),
        }
        spec["digest"] = _digest(json.dumps(essence, sort_keys=True, default=str).encode())
        return spec

    def _spec_of(self, name: str, version: int) -> dict[str, Any]:
        spec: dict[str, Any] = json.loads(self._repository.read(name, version)[1][SPEC_FILE])
        return spec

    # -- records: an index of the repository, made again where it lags -------------------------------------------

    def _record(self, commit: SpecCommit) -> Spec:
        key = f"{commit.version:010d}"
        record = self._records.get(KIND, key, scope=commit.name)
        if record is None or record.doc.get("commit") != commit.commit:  # the repository may have been replaced
            spec = self._spec_of(commit.name, commit.version)
            row = Spec(
                name=commit.name,
                version=commit.version,
                digest=spec["digest"],
                commit=commit.commit,
                created_at=datetime.fromtimestamp(commit.created_at_s, UTC).isoformat().replace("+00:00", "Z"),
                created_by=commit.author,
                message=commit.message,
                notebook=spec.get("notebook", ""),
                cell_count=len(spec["cells"]),
                params=spec["parameters"],
                proof=spec.get("proof", "none"),
            )
            try:
                expect = record.revision if record else 0
                record = self._records.put(KIND, key, row.model_dump(), scope=commit.name, expect=expect)
            except Conflict:
                return row  # somebody else wrote the same
        return Spec.model_validate(record.doc)

    def _catch_up(self, only: str | None) -> None:
        """Exports whose writer was killed between commit and record."""
        for name in self._repository.names() if only is None else [only]:
            try:
                head = self._repository.head(name)
                # not only the newest: it may have been recorded after one whose writer was killed
                page = self._records.list(KIND, Query(limit=1, count=True), scope=name)
                if head and (page.total or 0) < head.version:
                    for commit in self._repository.versions(name):
                        self._record(commit)
            except Corrupt:
                continue  # a branch that somebody pushed, or a damaged one: the others are listed all the same


def _environment(piece: Slice, kernel: dict[str, Any]) -> dict[str, Any]:
    """Python, platform and lock of the kernel, and of its packages those that the slice uses."""
    here = capture_environment(piece.modules)
    if not kernel.get("packages"):
        return here
    # the kernel may have packages that this process has not: those go by the name of their module
    wanted = set(here["packages"]) | {module.lower().replace("_", "-") for module in piece.modules}
    if "keras" in piece.modules:
        wanted |= _KERAS_BACKENDS
    packages = {name: version for name, version in kernel["packages"].items() if name.lower() in wanted}
    return {**kernel, "packages": packages or here["packages"]}


def find_target(cells: list[CellSource]) -> str:
    """The cell that the export is about: the last ``%%dsp train`` cell, else the last that fits, else that builds."""
    patterns = (
        r"^\s*%%dsp\s+train\b",
        r"\.fit\s*\(",
        r"\b(Sequential|Model|Pipeline|make_pipeline|XGB\w+|\w+(Classifier|Regressor))\s*\(",
    )
    for pattern in patterns:
        for cell in reversed(cells):
            if re.search(pattern, cell.source):
                return cell.id
    return cells[-1].id


def _local_files(piece: Slice, root: Path | None, wanted: list[str] | None) -> tuple[list[LocalFile], dict[str, bytes]]:
    if root is None or not root.is_dir():
        return [], {}
    found = [
        file
        for file in (*local_imports(piece, root), *data_files(piece, root))
        if ".git" not in file.path.lower().split("/")  # no repository may hold such a path
    ]
    known = {file.path for file in found}
    for path in wanted or ():
        if path not in known:
            raise InvalidInput(
                f"'{path}' is no file beside the notebook that the cells use.",
                hint=f"They use: {', '.join(sorted(known)) or 'none'}.",
                field="files",
            )
    files: list[LocalFile] = []
    contents: dict[str, bytes] = {}
    for file in found:
        is_small = file.size_bytes <= MAX_FILE_BYTES
        included = file.path in wanted if wanted is not None else is_small
        if included and not is_small:
            raise InvalidInput(
                f"'{file.path}' is too large for an export ({file.size_bytes / 1e6:.0f} MB; at most 8).",
                hint="Leave it out: the Spec names it as data.",
                field="files",
            )
        kind = "module" if file.kind == "module" else "data"
        files.append(
            LocalFile(path=file.path, kind=kind, size_bytes=file.size_bytes, used_by=file.used_by, included=included)
        )
        if included:
            try:
                contents[file.path] = (root / file.path).read_bytes()
            except OSError as error:
                raise InvalidInput(
                    f"'{file.path}' cannot be read: {error.strerror}.", hint="Leave it out.", field="files"
                ) from error
    return files, contents


def _planned(cell: Any) -> PlannedCell:
    return PlannedCell(
        id=cell.id,
        index=cell.index,
        included=cell.included,
        reason=cell.reason,
        title=cell.title,
        source=cell.source,
        defines=list(cell.defines),
        warnings=list(cell.warnings),
        execution_count=cell.execution_count,
    )


def _is_on_a_cell(warning: str, piece: Slice) -> bool:
    return any(warning in cell.warnings for cell in piece.cells)


def _diff(before: dict[str, Any] | None, after: dict[str, Any], base_version: int | None) -> SemanticDiff:
    found = diff_specs(before, after, base_version=base_version).to_dict()
    return SemanticDiff.model_validate(found)


def _digest(content: bytes) -> str:
    return f"blake3:{blake3(content).hexdigest()}"


def _pretty(value: Any, indent: int = 2) -> bytes:
    return (json.dumps(value, indent=indent, ensure_ascii=False, default=str) + "\n").encode("utf-8", "surrogatepass")
