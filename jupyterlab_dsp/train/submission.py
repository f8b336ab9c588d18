"""From a request to a prepared job: the slice, the parameters in place, the Spec and its digest."""

from __future__ import annotations

import json
import os
import secrets
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from blake3 import blake3

from ..contract.train import RunCell
from ..errors import CellNotRunnable, InvalidInput, Unavailable
from ..model.slicing import CellSource, Slice, apply_parameters, parameters, slice_cells
from ..model.spec_module import to_module
from ..plain import to_plain
from .folder import JOB, MODULE, write_json, write_text
from .plugin import Engine, JobSpec

if TYPE_CHECKING:
    from ..contract.model import ExportPlan
    from ..contract.notebook import CodeCell
    from ..contract.train import Prove, RetryRun, SubmitRun
    from ..paths import Paths
    from ..settings import Settings


@dataclass(slots=True)
class Prepared:
    """A run record, the job that does it, and its code as one module."""

    run: dict[str, Any]
    job: dict[str, Any]
    module: str
    python: str
    memory_limit_bytes: int | None


def prepare(request: SubmitRun, user: str, settings: Settings) -> Prepared:
    """Slice, put parameters in place, and describe the run. Nothing is written.

    Raises CellNotRunnable, UnknownParameter, InvalidInput.
    """
    piece = slice_cells([to_source(cell) for cell in request.cells], request.target, given=set(request.sent))
    refuse_unresolved(piece)
    defaults = {parameter.name: parameter.default for parameter in parameters(piece)}
    code = apply_parameters(piece, request.params)
    used = {**request.params, **{name: value for name, value in defaults.items() if name not in request.params}}
    used = to_plain(used)  # a default may be a set or 1e999, which no record can hold
    job = {
        "name": request.name,
        "cells": [{"id": cell.id, "index": cell.index, "source": cell.source} for cell in code],
        "target": request.target,
        "params": used,
        "sent": request.sent,
        "model": request.model,
        "keep": request.keep,
        "tags": request.tags,
        "message": request.message,
        "notebook": request.notebook,
        "folder": _working_folder(request.folder, request.notebook),
    }
    reasons = {cell.id: cell.reason for cell in piece.cells}
    module = to_module(piece, title=f"{request.name}, from {request.notebook or 'a notebook'}", cells=code)
    run = _run(job, reasons, user, settings) | {
        "warnings": [warning for cell in piece.cells if cell.included for warning in cell.warnings],
        "memory_limit_bytes": request.memory_limit_bytes,
        "retry_of": request.retry_of,
    }
    return _finish(run, job, module, request.python, request.memory_limit_bytes)


def prepare_retry(old: dict[str, Any], job: dict[str, Any], request: RetryRun, user: str) -> Prepared:
    """The cells of a run again; ``request.params`` replace what they were."""
    cells = [CellSource(id=cell["id"], source=cell["source"], index=cell["index"]) for cell in job["cells"]]
    piece = slice_cells(cells, job["target"], keep=[cell.id for cell in cells], given=set(job["sent"]))
    code = apply_parameters(piece, request.params)
    fresh = {
        **{name: value for name, value in job.items() if name not in ("run_id", "spec")},
        "cells": [{"id": cell.id, "index": cell.index, "source": cell.source} for cell in code],
        "params": {**request.params, **{k: v for k, v in job["params"].items() if k not in request.params}},
    }
    run = {
        **_run(fresh, {cell["id"]: cell["reason"] for cell in old["cells"]}, user, None),
        "engine": old["engine"],
        "retry_of": old["id"],
        "purpose": old.get("purpose", "train"),
        "memory_limit_bytes": old.get("memory_limit_bytes"),
    }
    module = to_module(piece, title=f"{fresh['name']}, run {old['id']} again", cells=code)
    return _finish(run, fresh, module, old.get("_python", ""), old.get("memory_limit_bytes"))


def prepare_proof(request: Prove, plan: ExportPlan, user: str, settings: Settings) -> Prepared:
    """A run of exactly the cells that the plan includes; it exports them when it gets to its end."""
    included = [cell for cell in plan.cells if cell.included]
    export = request.model_dump(mode="json")
    sources = {cell.id: cell for cell in request.cells}
    piece = slice_cells([to_source(cell) for cell in request.cells], plan.target, keep=[cell.id for cell in included])
    code = apply_parameters(piece, request.params)
    job = {
        "name": request.name,
        "cells": [{"id": cell.id, "index": sources[cell.id].index, "source": cell.source} for cell in code],
        "target": plan.target,
        "params": to_plain({parameter.name: parameter.default for parameter in plan.parameters}),
        "sent": {},
        "model": None,
        "keep": False,
        "tags": {},
        "message": request.message or f"proof of {request.name} version {plan.next_version}",
        "notebook": request.notebook,
        "folder": _working_folder(request.folder, request.notebook),
        "export": {**export, "expect": plan.diff.base_version or 0},
    }
    run = _run(job, {cell.id: cell.reason for cell in included}, user, settings) | {"purpose": "proof"}
    python = request.kernel.python if request.kernel else ""
    return _finish(run, job, plan.module, python, None)


def to_source(cell: CodeCell) -> CellSource:
    """The contract's cell as the slicer takes it."""
    return CellSource(
        id=cell.id,
        source=cell.source,
        index=cell.index,
        execution_count=cell.execution_count,
        execution_source=cell.execution_source,
    )


def refuse_unresolved(piece: Slice) -> None:
    """Raise CellNotRunnable for names that nothing before the target defines."""
    if not piece.unresolved:
        return
    first = piece.unresolved[0]
    others = [name.name for name in piece.unresolved[1:6]]
    also = f" The same holds for {', '.join(others)}." if others else ""
    raise CellNotRunnable(
        f"{first.message}{also}",
        hint=f"Define it in a cell above, or send it along with --send {first.name}.",
        field="cells",
        names=[name.name for name in piece.unresolved],
    )


def spec_digest(job: dict[str, Any]) -> str:
    """Digest of what makes the result: code, parameters and data that was sent along."""
    content = {
        "cells": [cell["source"] for cell in job["cells"]],
        "params": job["params"],
        "sent": job["sent"],
    }
    text = json.dumps(content, sort_keys=True, default=str, ensure_ascii=False)
    return f"blake3:{blake3(text.encode('utf-8', 'surrogatepass')).hexdigest()}"


def launch(prepared: Prepared, engine: Engine, paths: Paths, settings: Settings) -> dict[str, Any]:
    """Write the folder of the run and start its process; returns the engine's handle."""
    folder = paths.run(prepared.run["id"])
    folder.mkdir(parents=True, mode=0o700)
    write_json(folder / JOB, prepared.job)
    write_text(folder / MODULE, prepared.module)
    env = {
        **settings.environment(),
        "DSP_USER": prepared.run["created_by"],
        "MPLBACKEND": "agg",  # nobody looks at windows of a job
        "PYTHONUNBUFFERED": "1",
        "PYTHONIOENCODING": "utf-8:backslashreplace",  # as in a kernel; and no print ends a training
        # TensorFlow's notes on its own build would bury what the user prints; errors are still shown
        "TF_CPP_MIN_LOG_LEVEL": os.environ.get("TF_CPP_MIN_LOG_LEVEL", "2"),
        "DSP_KEEP_LOG_BYTES": str(settings.keep_log_bytes),
    }
    argv = [prepared.python or sys.executable, "-m", "jupyterlab_dsp.train.job", str(folder)]
    return engine.start(JobSpec(folder=folder, argv=argv, env=env, memory_limit_bytes=prepared.memory_limit_bytes))


def _run(job: dict[str, Any], reasons: dict[str, str], user: str, settings: Settings | None) -> dict[str, Any]:
    from .service import now

    digest = spec_digest(job)
    job["run_id"] = secrets.token_hex(6)
    job["spec"] = {"digest": digest}
    return {
        "id": job["run_id"],
        "name": job["name"],
        "state": "starting",
        "is_final": False,
        "created_at": now(),
        "created_by": user,
        "params": job["params"],
        "metrics": {},
        "tags": job["tags"],
        "message": job["message"],
        "notebook": job["notebook"],
        "purpose": "train",
        "target": job["target"],
        "cells": [
            RunCell(
                id=cell["id"],
                index=cell["index"],
                digest=f"blake3:{blake3(cell['source'].encode('utf-8', 'surrogatepass')).hexdigest()}",
                reason=reasons.get(cell["id"], ""),
            ).model_dump()
            for cell in job["cells"]
        ],
        "spec_digest": digest,
        "_sent": job["sent"],  # for the purge: a retry needs these blobs
        "engine": settings.engine if settings else "",
    }


def _finish(run: dict[str, Any], job: dict[str, Any], module: str, python: str, limit: int | None) -> Prepared:
    if python and not (os.path.isabs(python) and os.access(python, os.X_OK)):
        raise InvalidInput(
            f"'{python}' is no interpreter that can be run here.",
            hint="Give the full path of a Python.",
            field="python",
        )
    run["_python"] = python
    return Prepared(run, job, module, python, limit)


def _working_folder(folder: str, notebook: str) -> str:
    """The folder that the cells see as theirs, absolute. Raises InvalidInput, Unavailable."""
    chosen = Path(folder) if folder else Path(notebook).parent if notebook else Path.cwd()
    try:
        chosen = chosen.expanduser().absolute()
        if chosen.is_dir():
            return str(chosen)
    except (OSError, ValueError) as error:
        raise InvalidInput(f"The folder cannot be used: {error}.", field="folder") from error
    if folder:
        raise InvalidInput(f"There is no folder '{folder}'.", field="folder")
    try:
        return str(Path.cwd())  # a notebook that is not on this disk
    except FileNotFoundError as error:
        raise Unavailable(
            "The current folder does not exist any more.", hint="Change to a folder that does."
        ) from error
