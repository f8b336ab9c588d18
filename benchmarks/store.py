"""Area ``store``: saving, listing and searching versions and runs, beside MLflow and the bare operation."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from urllib.parse import urlencode

from .harness import Bound, Measure, Options, Row, alone, from_pairs, paired
from .peers import TOKEN, mlflow_server, our_server, peer, workplace
from .side import OURS, Http, Side

API = "/dsp/api/v1"
MODELS = 10


def _measure(side: Side, call: str, before: str, size: str) -> Measure:
    def measure() -> float:
        side.value(before, size=size)
        return side.timed(call, size=size)()

    return measure


def exports(options: Options) -> Iterator[Row]:
    """Saving a live Keras model."""
    with ExitStack() as stack:
        folder = stack.enter_context(workplace("exports"))
        ours = stack.enter_context(closing(Side(OURS, folder, DSP_HOME=str(folder / "home"))))
        bare = stack.enter_context(closing(Side(OURS, folder)))
        mlflow = stack.enter_context(closing(Side(peer("mlflow"), folder)))
        version = mlflow.value("mlflow_side:start", uri=f"sqlite:///{folder / 'mlflow.db'}")
        for side in (ours, mlflow):
            side.value(("our_side" if side is ours else "mlflow_side") + ":prepare", size="small")
        save = _measure(ours, "our_side:save", "our_side:change_weights", "small")
        yield paired(
            "save 0.4 MB Keras model, defaults", "s", save, mlflow.timed("mlflow_side:log_default", size="small"),
            Bound("ratio", 1 / 50), turns=options.turns(), other_name=f"MLflow {version}", warm=0,
        )  # fmt: skip
        yield paired(
            "save 0.4 MB Keras model, MLflow's best", "s", save, mlflow.timed("mlflow_side:log_given", size="small"),
            Bound("ratio", 0.6), turns=options.turns(9), other_name=f"MLflow {version}, requirements by hand",
        )  # fmt: skip
        started = [float(ours.value("our_side:processes_started", size="small")) for _ in range(options.turns(3))]
        yield alone("processes started by a save", "count", started, Bound("ours", 0))
        for side, name in ((ours, "our_side"), (bare, "bare_side")):
            side.value(f"{name}:prepare", size="large")
        yield paired(
            "save 100 MB Keras model", "s",
            _measure(ours, "our_side:save", "our_side:change_weights", "large"),
            bare.timed("bare_side:save", size="large", folder=str(folder)),
            Bound("ratio", 1.3), turns=options.turns(), other_name="model.save, not synced",
        )  # fmt: skip


def copies(options: Options) -> Iterator[Row]:
    """Versions that differ in metadata only."""
    with ExitStack() as stack:
        folder = stack.enter_context(workplace("copies"))
        ours = stack.enter_context(closing(Side(OURS, folder, DSP_HOME=str(folder / "home"))))
        bare = stack.enter_context(closing(Side(OURS, folder)))
        ours.value("our_side:prepare", size="large")
        before = ours.value("our_side:files_bytes")
        count = options.size(20, 3)
        for _ in range(count - 1):
            ours.value("our_side:save", size="large")
        after = ours.value("our_side:files_bytes")
        yield from_pairs(
            f"bytes of {count} saves of the same 100 MB weights", "bytes", [(after, before)], Bound("ratio", 1.01),
            other_name="one save",
        )  # fmt: skip
        ours.value("our_side:copy", size="large")
        before = ours.value("our_side:files_bytes")
        yield paired(
            "new version, metadata only", "s", ours.timed("our_side:copy", size="large"),
            bare.timed("bare_side:write_synced", folder=str(folder), size_bytes=4096),
            Bound("difference", 0.020), turns=options.turns(21), other_name="one write of 4 KiB, synced",
        )  # fmt: skip
        made = options.turns(21) + 1
        grown = (ours.value("our_side:files_bytes") - before) / made
        yield alone(
            "bytes of a version, metadata only", "bytes", [grown], Bound("ours", 16384), note="no weights: 100 MB each"
        )


def races(options: Options) -> Iterator[Row]:
    """32 processes add 20 versions each to one model."""
    writers, each = options.size(32, 4), options.size(20, 5)
    with ExitStack() as stack:
        folder = stack.enter_context(workplace("race"))
        uri = f"sqlite:///{folder / 'mlflow.db'}"
        first_mlflow = stack.enter_context(closing(Side(peer("mlflow"), folder)))
        version = first_mlflow.value("mlflow_side:start", uri=uri)
        first_mlflow.value("mlflow_side:make_race_model")
        first_ours = stack.enter_context(closing(Side(OURS, folder, DSP_HOME=str(folder / "home"))))
        first_ours.value("our_side:make_race_model")
        rates, waits, refused = [], [], 0
        for _ in range(options.turns(3)):
            mine = _race([Side(OURS, folder, DSP_HOME=str(folder / "home")) for _ in range(writers)], "our_side", each)
            theirs = _race([Side(peer("mlflow"), folder) for _ in range(writers)], "mlflow_side", each, uri=uri)
            if mine[2]:
                raise RuntimeError(f"{mine[2]} of our calls were refused")
            rates.append((mine[0], theirs[0]))
            refused += theirs[2]
            waits.append((mine[1], theirs[1]))
        name = f"{writers} processes add {each} versions each"
        yield from_pairs(
            f"{name}: rate", "versions/s", rates, Bound("ratio", 5, at_least=True), other_name=f"MLflow {version}",
            note=f"{refused} of MLflow's calls refused: database is locked",
        )  # fmt: skip
        yield from_pairs(f"{name}: worst wait", "s", waits, Bound("ratio", 1 / 3), other_name=f"MLflow {version}")
        numbers = first_ours.value("our_side:race_versions")
        wrong = len(set(range(1, writers * each * len(rates) + 2)) ^ set(numbers)) + len(numbers) - len(set(numbers))
        yield alone(f"{name}: gaps and doubles", "count", [float(wrong)], Bound("ours", 0))


def _race(sides: list[Side], module: str, each: int, uri: str = "") -> tuple[float, float, int]:
    """(versions a second, longest wait, calls refused). All are ready before any of them starts."""
    with ThreadPoolExecutor(len(sides)) as pool:
        try:
            if uri:
                list(pool.map(lambda side: side.value(f"{module}:start", uri=uri), sides))
            else:
                list(pool.map(lambda side: side.value(f"{module}:race", start_at=0, count=0), sides))
            start_at = time.time() + 2
            asked = [pool.submit(side.value, f"{module}:race", start_at=start_at, count=each) for side in sides]
            waits = [future.result() for future in asked]
        finally:
            list(pool.map(Side.close, sides))
    every = [wait for each_wait in waits for wait in each_wait]
    refused = sum(wait < 0 for wait in every)
    whole = max(sum(abs(wait) for wait in each_wait) for each_wait in waits)
    return (len(every) - refused) / whole, max(abs(wait) for wait in every), refused


def lists(options: Options) -> Iterator[Row]:
    """The first page of versions, and a filtered and sorted page of runs, over HTTP."""
    sizes = [options.size(10_000, 500), options.size(100_000, 1_000)]
    with ExitStack() as stack:
        folder = stack.enter_context(workplace("lists"))
        file = folder / "mlflow.db"
        mlflow = stack.enter_context(closing(Side(peer("mlflow"), folder)))
        version = mlflow.value("mlflow_side:start", uri=f"sqlite:///{file}")
        mlflow.value("mlflow_side:fill_versions", file=str(file), count=sizes[0], models=MODELS)
        experiment = mlflow.value("mlflow_side:fill_runs", file=str(file), count=sizes[0])
        ours = []
        for size in sizes:
            home = folder / f"home-{size}"
            # filled without a sync for each record; the server that is measured runs with our defaults
            unsynced = {"DSP_RECORDS__PLUGIN": "sqlite", "DSP_RECORDS__CONFIG": '{"synchronous": "NORMAL"}'}
            with closing(Side(OURS, folder, DSP_HOME=str(home), **unsynced)) as filler:
                filler.value("our_side:fill_versions", count=size, models=MODELS)
                filler.value("our_side:fill_runs", count=size)
            ours.append(Http(stack.enter_context(our_server(home)), TOKEN))
        theirs = Http(stack.enter_context(mlflow_server(file)))
        yield from _list_rows(options, ours, theirs, experiment, sizes, f"MLflow {version}, REST")


def _list_rows(
    options: Options, ours: list[Http], theirs: Http, experiment: str, sizes: list[int], name: str
) -> Iterator[Row]:
    few = options.size(50, 20)
    query = {"filter": "metrics.m0 > 0.5 and params.p0 = 'v3'", "sort": "metrics.m1", "order": "desc", "limit": few * 2}
    body = {
        "experiment_ids": [experiment],
        "filter": "metrics.m0 > 0.5 and params.p0 = 'v3'",
        "order_by": ["metrics.m1 DESC"],
        "max_results": few * 2,
    }
    search = {"filter": "name='m3'", "max_results": few, "order_by": "creation_timestamp DESC"}
    want_runs = options.size(few * 2, 20)

    def versions(http: Http) -> float:
        path = f"{API}/model/models/m3/versions?limit={few}"
        return http.timed("GET", path, rows=lambda answer: len(answer["items"]), want=few)

    def runs(http: Http) -> float:
        path = f"{API}/train/runs?{urlencode(query)}"
        return http.timed("GET", path, rows=lambda answer: min(len(answer["items"]), want_runs), want=want_runs)

    def their_versions() -> float:
        path = f"/api/2.0/mlflow/model-versions/search?{urlencode(search)}"
        return theirs.timed("GET", path, rows=lambda answer: len(answer["model_versions"]), want=few)

    def their_runs() -> float:
        path = "/api/2.0/mlflow/runs/search"
        return theirs.timed("POST", path, body, rows=lambda answer: min(len(answer["runs"]), want_runs), want=want_runs)

    turns = options.turns(15)
    small, large = ours
    yield paired(
        f"newest {few} of a model at {sizes[0]} versions", "s", lambda: versions(small), their_versions,
        Bound("ratio", 1 / 5), turns=turns, other_name=name,
    )  # fmt: skip
    yield paired(
        f"filter and sort {sizes[0]} runs", "s", lambda: runs(small), their_runs, Bound("ratio", 1 / 14), turns=turns,
        other_name=name,
    )  # fmt: skip
    yield paired(
        f"newest {few} of a model at {sizes[1]} versions", "s", lambda: versions(large), lambda: versions(small),
        Bound("ratio", 2), turns=turns, other_name=f"ours at {sizes[0]}",
    )  # fmt: skip
    yield paired(
        f"filter and sort {sizes[1]} runs", "s", lambda: runs(large), lambda: runs(small), Bound("ratio", 2),
        turns=turns, other_name=f"ours at {sizes[0]}",
    )  # fmt: skip


GROUPS = (exports, copies, races, lists)
