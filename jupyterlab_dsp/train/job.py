"""The process of a run: ``python -m jupyterlab_dsp.train.job FOLDER`` runs the cells of ``FOLDER/job.json``.

It is started by an engine, needs neither server nor notebook, and leaves ``result.json`` when it ends by itself.
Exit code: 0 succeeded, 1 the user's code or the storing of the model failed.
"""

from __future__ import annotations

import ast
import os
import sys
import time
from pathlib import Path
from types import ModuleType
from typing import Any

from ..errors import DspError
from ..platform import Platform
from . import keras_hook
from .current import CurrentRun, set_current_run
from .folder import JOB, RESULT, read_json, write_json
from .keep_model import keep_model
from .tracker import Tracker
from .user_traceback import CellFile, print_whole, register, user_problem


def main() -> int:
    """Run the job in the folder given as the one argument."""
    started = time.monotonic()
    folder = Path(sys.argv[1])
    job = read_json(folder / JOB)
    if job is None:
        print(f"There is no job in {folder}.", file=sys.stderr)
        return 2
    tracker = Tracker(folder)
    platform = Platform()
    run = CurrentRun(job["run_id"], job["name"], folder, tracker, platform)
    set_current_run(run)
    fitted = keras_hook.install(tracker)
    ours = set(sys.modules)  # what is loaded beyond this is what the user's code needs
    module = _main_module(job)
    problem: dict[str, Any] | None = None
    stored: dict[str, Any] | None = None
    exported: dict[str, Any] | None = None
    try:
        problem = _load_sent(job, module, platform) or _run_cells(job, module, tracker)
        if problem is None:
            _record_environment(tracker, platform, set(sys.modules) - ours)
            if job.get("export"):
                exported = _export(job, platform, tracker)
            if job.get("keep", True):
                stored = keep_model(job, module.__dict__, fitted.last, run)
    except DspError as error:
        problem = {"kind": "store", "message": error.message, "hint": error.hint}
    result = tracker.state() | {
        "state": "failed" if problem else "succeeded",
        "problem": problem,
        "stored": stored,
        "exported": exported,
        "job_s": round(time.monotonic() - started, 3),
    }
    sys.stdout.flush()
    sys.stderr.flush()
    write_json(folder / RESULT, result)
    platform.close()
    return 1 if problem else 0


def _main_module(job: dict[str, Any]) -> ModuleType:
    """A fresh ``__main__`` for the cells, so that classes pickle and ``if __name__ == "__main__"`` holds."""
    module = ModuleType("__main__")
    sys.modules["__main__"] = module
    folder = job.get("folder") or os.getcwd()
    sys.argv = [job.get("notebook") or job["name"]]
    sys.path[0] = folder  # what `python -m` put there is the working folder; a notebook has its own
    module.__dict__["display"] = _display
    return module


def _display(*values: Any, **_: Any) -> None:
    """Stands in for IPython's ``display``: there is nobody to show HTML to, so the text form goes to the log."""
    for value in values:
        print(value)


def _load_sent(job: dict[str, Any], module: ModuleType, platform: Platform) -> dict[str, Any] | None:
    if job.get("sent"):
        from .sending import receive

        for name, digest in job["sent"].items():
            module.__dict__[name] = receive(platform.store, digest)
    return None


def _run_cells(job: dict[str, Any], module: ModuleType, tracker: Tracker) -> dict[str, Any] | None:
    """None, or the problem that ended the cells."""
    files = {}
    for cell in job["cells"]:
        file = CellFile(f"<cell {cell['index'] + 1}>", cell["id"], cell["index"])
        files[file.filename] = file
        register(file.filename, cell["source"])
    for cell in job["cells"]:
        filename = f"<cell {cell['index'] + 1}>"
        tracker.phase("running the target cell" if cell["id"] == job["target"] else f"running cell {cell['index'] + 1}")
        try:
            code = compile(ast.parse(cell["source"], filename), filename, "exec", dont_inherit=True)
            exec(code, module.__dict__)
        except SystemExit as error:
            if error.code in (None, 0):
                return None  # sys.exit() in the last cell: the user's way to say "done"
            return {
                "kind": "exit",
                "message": f"Cell {cell['index'] + 1} called sys.exit({error.code!r}).",
                "hint": None,
                "cell_index": cell["index"],
                "cell_id": cell["id"],
            }
        except BaseException as error:  # noqa: BLE001  whatever the user's code raises is the run's result
            print_whole(error, None)
            return user_problem(error, files)
    return None


def _record_environment(tracker: Tracker, platform: Platform, modules: set[str]) -> None:
    """Packages of the modules that the user's code has loaded, the full lock as an artifact, and the machine."""
    import json

    from ..model.environment import capture_environment, hardware

    environment = capture_environment(modules)
    lock = environment.pop("lock", [])
    with platform.store.writing():
        blob = platform.store.put(json.dumps({**environment, "lock": lock}, sort_keys=True).encode())
    tracker.fact(environment=environment, environment_digest=blob.digest, hardware=hardware())


def _export(job: dict[str, Any], platform: Platform, tracker: Tracker) -> dict[str, Any]:
    """A proof ran to its end: the export that asked for it is done now."""
    tracker.phase("exporting the Spec")
    from ..contract.model import ExportSpec

    spec = platform.model.export(ExportSpec.model_validate(job["export"]), proof=True)
    return {"digest": spec.digest, "name": spec.name, "version": spec.version}


if __name__ == "__main__":
    sys.exit(main())
