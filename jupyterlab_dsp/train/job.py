"""The process of a run: ``python -m jupyterlab_dsp.train.job FOLDER`` runs the cells of ``FOLDER/job.json``.

It is started by an engine, needs neither server nor notebook, and leaves ``result.json`` when it ends by itself.
Exit code: 0 succeeded, 1 the user's code or the storing of the model failed, NO_RESULT where that could not be
written down. Before the first cell it imports as little as it can: what is imported here delays every run.
"""

from __future__ import annotations
import __future__

import contextlib
import os
import sys
import threading
import time
from pathlib import Path
from types import ModuleType
from typing import Any

from ..errors import DspError
from . import keras_hook
from .current import CurrentRun, set_current_run
from .folder import JOB, NO_RESULT, RESULT, read_json, write_json
from .main_module import make_main
from .tracker import Tracker
from .user_traceback import CellFile, one_line, print_whole, register, user_problem

#: what threads and child processes of the cells get to end by themselves once all work of the run is done
LEAVE_S = 30.0
_FUTURE_FLAGS = 0
for _name in __future__.all_feature_names:
    _FUTURE_FLAGS |= getattr(__future__, _name).compiler_flag

Problem = dict[str, Any]


def main() -> int:
    """Run the job in the folder given as the one argument."""
    started = time.monotonic()
    folder = Path(sys.argv[1]).absolute()
    job = read_json(folder / JOB)
    if job is None:
        print(f"There is no job in {folder}.", file=sys.stderr)
        return 2
    tracker = Tracker(folder)
    run = CurrentRun(job["run_id"], job["name"], folder, tracker)
    set_current_run(run)
    me = os.getpid()
    outcome = _do(job, run, keras_hook.install(tracker), me)
    _flush()
    if os.getpid() != me:
        os._exit(0 if outcome["problem"] is None else 1)  # a child that the cells forked: the run is its parent's
    tracker.flush()
    state = "failed" if outcome["problem"] else "succeeded"
    result = tracker.state() | outcome | {"state": state, "job_s": round(time.monotonic() - started, 3)}
    code = 1 if outcome["problem"] else 0
    try:
        write_json(folder / RESULT, result)
    except OSError as error:
        print(f"The result of the run could not be written: {error.strerror}.", file=sys.__stderr__)
        code = NO_RESULT
    run.close()
    threading.Thread(target=_leave, args=(folder, result, code), name="dsp-leave", daemon=True).start()
    return code


def _do(job: dict[str, Any], run: CurrentRun, fitted: keras_hook.FittedModels, me: int) -> dict[str, Any]:
    """All that the run does; its problem, and what it stored and exported."""
    outcome: dict[str, Any] = {"problem": None, "stored": None, "exported": None}
    step = "The run could not be prepared"
    try:
        module = make_main(job, run.folder)
        if job.get("sent"):
            step = "The variables that were sent along cannot be read"
            _load_sent(job, module, run)
        ours = {*sys.modules, "blake3"}  # what is loaded beyond this is what the user's code needs
        outcome["problem"] = _run_cells(job, module, run.tracker)
        if outcome["problem"] or os.getpid() != me:
            return outcome
        _record_environment(run, set(sys.modules) - ours)
        if job.get("export"):
            step = "The cells ran, but the Spec could not be exported"
            outcome["exported"] = _export(job, run)
        if job.get("keep", True):
            step = "The cells ran, but the model could not be stored"
            from .keep_model import keep_model

            outcome["stored"] = keep_model(job, module.__dict__, fitted.last, run)
    except DspError as error:
        outcome["problem"] = {"kind": "store", "message": error.message, "hint": error.hint}
    except Exception as error:  # noqa: BLE001  a fault in storing must be told as such, not as a crash of the cells
        print_whole(error)
        message = f"{step}: {one_line(error)}."
        outcome["problem"] = {"kind": "store", "message": message, "hint": "The whole traceback is in the log."}
    return outcome


def _load_sent(job: dict[str, Any], module: ModuleType, run: CurrentRun) -> None:
    from .sending import receive

    run.tracker.phase("loading the variables that were sent along")
    for name, digest in job["sent"].items():
        module.__dict__[name] = receive(run.platform.store, digest)


def _run_cells(job: dict[str, Any], module: ModuleType, tracker: Tracker) -> Problem | None:
    """None, or the problem that ended the cells."""
    files = {}
    for cell in job["cells"]:
        file = CellFile(_filename(cell), cell["id"], cell["index"])
        files[file.filename] = file
        register(file.filename, cell["source"])
    flags = 0  # what cells import from __future__ lasts, as in a notebook
    for place, cell in enumerate(job["cells"], 1):
        is_last = place == len(job["cells"])
        tracker.phase("running the target cell" if cell["id"] == job["target"] else f"running cell {cell['index'] + 1}")
        try:
            code = compile(cell["source"], _filename(cell), "exec", flags=flags, dont_inherit=True)
            flags |= code.co_flags & _FUTURE_FLAGS
            exec(code, module.__dict__)
        except SystemExit as error:
            if error.code in (None, 0) and is_last:
                return None  # the user's way to say "done"
            return {
                "kind": "exit",
                "message": f"Cell {cell['index'] + 1} called sys.exit({'' if error.code is None else repr(error.code)})"
                f"{'' if is_last else ' before the last cell ran'}.",
                "hint": None,
                "cell_index": cell["index"],
                "cell_id": cell["id"],
            }
        except BaseException as error:  # noqa: BLE001  whatever the user's code raises is the run's result
            print_whole(error)
            return user_problem(error, files)
    return None


def _filename(cell: dict[str, Any]) -> str:
    return f"<cell {cell['index'] + 1}>"


def _record_environment(run: CurrentRun, modules: set[str]) -> None:
    """Packages of the modules that the user's code has loaded, the full lock as an artifact, and the machine."""
    import json

    from ..model.environment import capture_environment, hardware

    try:
        environment = capture_environment(modules)
        lock = environment.pop("lock", [])
        run.tracker.fact(environment=environment, hardware=hardware())
        store = run.platform.store
        with store.writing():
            blob = store.put(json.dumps({**environment, "lock": lock}, sort_keys=True).encode())
            run.tracker.fact(environment_digest=blob.digest)  # on disk before a purge may look
    except Exception as error:  # noqa: BLE001  a description of the run is not worth the run
        run.tracker.warn(f"The environment could not be recorded: {one_line(error)}.")


def _export(job: dict[str, Any], run: CurrentRun) -> dict[str, Any]:
    """A proof ran to its end: the export that asked for it is done now."""
    run.tracker.phase("exporting the Spec")
    from ..contract.model import ExportSpec

    spec = run.platform.model.export(ExportSpec.model_validate(job["export"]), proof=True)
    return {"digest": spec.digest, "name": spec.name, "version": spec.version}


def _flush() -> None:
    """The cells may have closed or replaced the streams."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()


def _leave(folder: Path, result: dict[str, Any], code: int) -> None:
    """Python waits for threads and child processes that the cells left behind, for ever if need be. We do not."""
    time.sleep(LEAVE_S)
    names = [thread.name for thread in threading.enumerate() if not thread.daemon and thread.name != "MainThread"]
    what = f"threads ({', '.join(names)})" if names else "child processes or exit handlers"
    text = f"The run was done, but {what} of its cells did not end within {LEAVE_S:.0f} s; they were ended."
    with contextlib.suppress(Exception):
        write_json(folder / RESULT, {**result, "warnings": [*result["warnings"], text]})
        print(text, file=sys.__stderr__, flush=True)
    os._exit(code)


if __name__ == "__main__":
    sys.exit(main())
