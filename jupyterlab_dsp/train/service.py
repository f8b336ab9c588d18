"""Use cases of the area ``train``. Plain synchronous code that never waits; waiting is polling or the event stream."""

from __future__ import annotations

import contextlib
import shutil
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import plugins
from ..contract.base import Done
from ..contract.model import ListVersions
from ..contract.train import (
    AnnotateRun,
    Compare,
    Comparison,
    Curves,
    ListRuns,
    LogChunk,
    OneRun,
    Prove,
    ReadCurves,
    ReadLog,
    RetryRun,
    Run,
    RunFile,
    RunPage,
    RunRow,
    RunSource,
    SubmitRun,
)
from ..errors import Conflict, DspError, NotFound, Unavailable
from ..model.fields import resolve_path
from ..records import Query, Record, Records
from ..system import Download
from .curves import CurveReader
from .folder import EVENTS, JOB, LIVE, MODULE, OUTPUT, RESULT, read_json
from .output import read_output
from .settling import TAKEN, settle
from .submission import Prepared, launch, prepare, prepare_proof, prepare_retry

if TYPE_CHECKING:
    from ..model.plugin import Store
    from ..model.service import ModelService
    from ..paths import Paths
    from ..settings import Settings
    from .plugin import Engine

KIND = "run"
#: a run without a process this long after it was recorded was lost between the two
START_GRACE_S = 30.0
#: runs whose curves are kept in memory, so that a live card reads only what is new
MOST_READERS = 16
_ACTIVE = "state in (starting, running)"
_SAMPLE = 5


class TrainService:
    """Runs: submit, look, stop, retry, compare."""

    def __init__(
        self, records: Records, store: Store, paths: Paths, settings: Settings, user: str, model: ModelService
    ) -> None:
        self._records = records
        self._store = store
        self._paths = paths
        self._settings = settings
        self._user = user
        self._model = model
        self._engines: dict[str, Engine] = {}
        self._readers: dict[str, CurveReader] = {}
        self._lock = threading.Lock()

    # -- start ---------------------------------------------------------------------------------------------

    def submit(self, request: SubmitRun) -> Run:
        """Record a run, then start it. Returns as soon as its process is started.

        Raises CellNotRunnable, UnknownParameter, InvalidInput before anything is recorded.
        """
        return self._launch(prepare(request, self._user, self._settings))

    def retry(self, request: RetryRun) -> Run:
        """The same cells again, with other parameters where given."""
        old = self._read(request.run_id)
        job = read_json(self._paths.run(request.run_id) / JOB)
        if job is None:
            raise NotFound.of("job of the run", request.run_id, "Its folder was removed; submit the cell again.")
        return self._launch(prepare_retry(old.doc, job, request, self._user))

    def prove(self, request: Prove) -> Run:
        """Run the cells of an export in a fresh process; the run exports them when it succeeds."""
        plan = self._model.plan_export(request)
        if plan.problems:
            raise Conflict(f"This cannot be exported: {plan.problems[0]}", problems=plan.problems)
        return self._launch(prepare_proof(request, plan, self._user, self._settings))

    def _launch(self, prepared: Prepared) -> Run:
        record = self._records.put(KIND, prepared.run["id"], prepared.run, expect=0)
        engine = self._engine(prepared.run["engine"])
        try:
            handle = launch(prepared, engine, self._paths, self._settings)
        except BaseException as error:
            # an interrupt may come after the process was started: nothing may run that is called failed
            with contextlib.suppress(DspError, OSError):
                engine.stop(self._handle(record), grace_s=0)
            reason = str(error) if isinstance(error, DspError | OSError) else type(error).__name__
            problem = {"kind": "start", "message": f"The run could not be started: {reason}", "hint": None}
            end = {"state": "failed", "is_final": True, "ended_at": now(), "problem": problem}
            with contextlib.suppress(OSError, DspError):  # the first error is the one to tell
                self._change(record.key, lambda doc: doc if doc["is_final"] else {**doc, **end})
            if isinstance(error, OSError):
                raise Unavailable(
                    f"The run could not be started: {error.strerror or error}.",
                    hint="Is the disk full, or the home not writable?",
                ) from error
            raise
        record = self._change(record.key, lambda doc: doc if doc["is_final"] else _started(doc, handle))
        if record.doc["is_final"] or record.doc.get("stopping"):
            # while it was being started, somebody stopped it, or waited in vain and declared it lost
            engine.stop(handle, grace_s=0)
        return self._as_run(record)

    def _engine(self, name: str) -> Engine:
        if name not in self._engines:
            self._engines[name] = plugins.create("engines", name, paths=self._paths)
        return self._engines[name]

    # -- look ----------------------------------------------------------------------------------------------

    def list(self, request: ListRuns) -> RunPage:
        """One page of runs, newest first unless sorted otherwise."""
        self.settle_active()
        newest: Sequence[dict[str, Any]] = ()
        if request.filter or request.sort:
            # a handful of the newest tells which bare names are metrics and which are parameters
            sample = Query(sort="created_at", descending=True, limit=_SAMPLE)
            newest = [record.doc for record in self._records.list(KIND, sample).items]
        page = self._records.list(
            KIND,
            Query(
                where=resolve_path.filter(request.filter, KIND, newest),
                sort=resolve_path(request.sort, KIND, newest) if request.sort else "created_at",
                descending=request.order == "desc",
                limit=request.limit,
                cursor=request.cursor,
                count=request.count,
            ),
        )
        rows = [RunRow.model_validate(self._with_live(record.doc)) for record in page.items]
        return RunPage(items=rows, next_cursor=page.next_cursor, total=page.total)

    def show(self, request: OneRun) -> Run:
        """One run, as it is now."""
        return self._as_run(self._settle(self._read(request.run_id)))

    def curves(self, request: ReadCurves) -> Curves:
        """Metrics over epochs and steps, live while it runs."""
        run = self.show(OneRun(run_id=request.run_id))
        series = self._curve_reader(run.id).series(request.points)
        return Curves(run_id=run.id, state=run.state, series=series, progress=run.progress)

    def _curve_reader(self, run_id: str) -> CurveReader:
        with self._lock:
            reader = self._readers.pop(run_id, None) or CurveReader(self._paths.run(run_id) / EVENTS)
            self._readers[run_id] = reader  # the last one is the one that was asked for last
            if len(self._readers) > MOST_READERS:
                del self._readers[next(iter(self._readers))]
            return reader

    def log(self, request: ReadLog) -> LogChunk:
        """A piece of what the run printed."""
        record = self._settle(self._read(request.run_id))
        return read_output(self._paths.run(record.key) / OUTPUT, request, is_final=record.doc["is_final"])

    def source(self, request: OneRun) -> RunSource:
        """The code that the run ran, with its parameters in place."""
        record = self._read(request.run_id)
        folder = self._paths.run(record.key)
        job = read_json(folder / JOB)
        if job is None:
            raise NotFound.of("code of the run", record.key, "Its folder was removed.")
        return RunSource(run_id=record.key, module=(folder / MODULE).read_text(encoding="utf-8"), cells=job["cells"])

    def file(self, request: RunFile) -> Download:
        """One artifact that the run logged."""
        record = self._settle(self._read(request.run_id))
        for artifact in self._with_live(record.doc).get("artifacts", []):
            if artifact["path"] == request.path:
                stream = self._store.open(artifact["digest"])
                return Download(Path(request.path).name, stream, artifact["size_bytes"])
        raise NotFound.of("artifact", request.path, f"'dsp train show {record.key}' lists what there is.")

    def compare(self, request: Compare) -> Comparison:
        """What differs between versions or runs."""
        from .comparison import compare

        return compare(request.refs, self, self._model)

    # -- change --------------------------------------------------------------------------------------------

    def annotate(self, request: AnnotateRun) -> Run:
        """Change message and tags."""
        fields = {name: getattr(request, name) for name in ("message", "tags") if getattr(request, name) is not None}
        return self._as_run(self._change(request.run_id, lambda doc: {**doc, **fields}))

    def stop(self, request: OneRun) -> Run:
        """Ask the run to end, with every process it started; it is "stopped" once they are gone.

        Raises Conflict for a run that has ended.
        """
        record = self._settle(self._read(request.run_id))
        if record.doc["is_final"]:
            raise Conflict(f"The run has ended already: {record.doc['state']}.", run_id=record.key)
        # the wish first: whoever is just starting the process sees it then
        record = self._change(record.key, lambda doc: doc if doc["is_final"] else {**doc, "stopping": True})
        with contextlib.suppress(NotFound):  # not started yet
            self._engine(record.doc["engine"]).stop(self._handle(record))
        return self._as_run(record)

    def delete(self, request: OneRun) -> Done:
        """Forget a run that has ended, and remove its folder."""
        record = self._settle(self._read(request.run_id))
        if not record.doc["is_final"]:
            raise Conflict("The run is still going.", hint=f"Stop it first: dsp train stop {record.key}")
        # the record last: if this is killed in between, the run is still listed and can be deleted again
        shutil.rmtree(self._paths.run(record.key), ignore_errors=True)
        self._records.delete(KIND, record.key)
        return Done()

    # -- settle --------------------------------------------------------------------------------------------

    def settle_active(self) -> Sequence[str]:
        """Look at every run that has not ended and record those that have; returns the ids still going."""
        active = []
        cursor: str | None = None
        while True:
            page = self._records.list(KIND, Query(where=_ACTIVE, limit=200, cursor=cursor))
            for record in page.items:
                with contextlib.suppress(NotFound):  # deleted by somebody else in this moment
                    if not self._settle(record).doc["is_final"]:
                        active.append(record.key)
            cursor = page.next_cursor
            if cursor is None:
                return active

    def _settle(self, record: Record) -> Record:
        """The record, final if the process has ended. Many may settle at once: the first one writes."""
        doc = record.doc
        if doc["is_final"]:
            return record
        try:
            status = self._engine(doc["engine"]).poll(self._handle(record))
        except DspError:
            return record  # its engine is not installed here, or does not answer: nobody knows more than before
        if status.state == "running" and doc["state"] == "starting":
            # the submitter died before it could note the start
            return self._put(record, _started(doc, self._handle(record)))
        if status.state in ("starting", "running"):
            return record
        if status.state == "lost" and status.started_at is None and _age_s(doc["created_at"]) < START_GRACE_S:
            return record  # recorded a moment ago by a process that is about to start it
        folder = self._paths.run(record.key)
        result = read_json(folder / RESULT)
        settled = settle(doc, status, read_json(folder / LIVE) or {}, result)
        if result is None:
            settled["stored"] = self._stored_by(doc)
        settled["ended_at"] = settled["ended_at"] or now()
        settled["duration_s"] = _between(settled["started_at"] or doc["created_at"], settled["ended_at"])
        return self._put(record, settled)

    def _put(self, record: Record, doc: dict[str, Any]) -> Record:
        try:
            return self._records.put(KIND, record.key, doc, expect=record.revision)
        except Conflict:
            return self._settle(self._read(record.key))

    def _stored_by(self, doc: dict[str, Any]) -> dict[str, Any] | None:
        """The version of a run that was killed after it had stored its model, and before it could say so."""
        try:
            page = self._model.versions(ListVersions(model=doc["name"], filter=f'run_id = "{doc["id"]}"', limit=1))
        except DspError:
            return None  # there is no such model
        return {"model": page.items[0].model, "version": page.items[0].version} if page.items else None

    def _handle(self, record: Record) -> dict[str, Any]:
        # a submitter that died between the start and the record of the handle left it in the folder
        handle: dict[str, Any] = record.doc.get("_handle") or {"folder": str(self._paths.run(record.key))}
        return handle

    # -- records -------------------------------------------------------------------------------------------

    def _read(self, run_id: str) -> Record:
        record = self._records.get(KIND, run_id)
        if record is None:
            raise NotFound.of("run", run_id, "'dsp train list' shows the runs there are.")
        return record

    def _change(self, run_id: str, change: Callable[[dict[str, Any]], dict[str, Any]]) -> Record:
        while True:
            record = self._read(run_id)
            try:
                return self._records.put(KIND, run_id, change(dict(record.doc)), expect=record.revision)
            except Conflict:
                continue  # somebody else changed it in between: change what is there now

    def _with_live(self, doc: dict[str, Any]) -> dict[str, Any]:
        if doc["is_final"]:
            return doc
        live = read_json(self._paths.run(doc["id"]) / LIVE) or {}
        merged = {**doc, **{name: live[name] for name in TAKEN if live.get(name) is not None}}
        merged["duration_s"] = _between(doc.get("started_at") or doc["created_at"], now())
        return merged

    def _as_run(self, record: Record) -> Run:
        return Run.model_validate(self._with_live(record.doc))


def now() -> str:
    """UTC, ISO 8601, milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _started(doc: dict[str, Any], handle: dict[str, Any]) -> dict[str, Any]:
    return {**doc, "_handle": handle, "state": "running"}


def _age_s(since: str) -> float:
    return (datetime.now(UTC) - datetime.fromisoformat(since)).total_seconds()


def _between(start: str, end: str) -> float:
    return round(max((datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds(), 0.0), 3)
