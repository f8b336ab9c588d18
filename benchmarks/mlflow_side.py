"""What the bench asks of MLflow; runs in a worker of MLflow's own environment."""

from __future__ import annotations

import itertools
import random
import sqlite3
import time
from functools import cache
from typing import Any

from .keras_models import model

_count = itertools.count()


def start(uri: str) -> str:
    """Use this store; makes its tables."""
    import mlflow

    mlflow.set_tracking_uri(uri)
    mlflow.set_registry_uri(uri)
    mlflow.set_experiment("bench")
    return str(mlflow.__version__)


@cache
def client() -> Any:
    from mlflow import MlflowClient

    return MlflowClient()


def prepare(size: str) -> None:
    """Import what is imported once, and list the requirements that a careful user would write by hand."""
    model(size)
    log_given(size)


def log_default(size: str) -> None:
    """Log and register, all defaults."""
    import mlflow

    with mlflow.start_run():
        mlflow.log_metric("val_accuracy", next(_count) / 1e6)
        mlflow.keras.log_model(model(size), name="model", registered_model_name=f"bench-{size}")


def log_given(size: str) -> None:
    """The same with the requirements given by hand."""
    import keras
    import mlflow

    with mlflow.start_run():
        mlflow.log_metric("val_accuracy", next(_count) / 1e6)
        mlflow.keras.log_model(
            model(size),
            name="model",
            registered_model_name=f"bench-{size}",
            pip_requirements=[f"keras=={keras.__version__}"],
        )


def fill_versions(file: str, count: int, models: int) -> None:
    """``count`` versions over ``models`` models, straight into MLflow's own tables."""
    for number in range(models):
        client().create_registered_model(f"m{number}")
    now = int(time.time() * 1000) - count
    rows = [(f"m{n % models}", n // models + 1, now + n, now + n) for n in range(count)]
    tags = [
        (key, value, f"m{n % models}", n // models + 1)
        for n in range(count)
        for key, value in (("stage", "prod" if n % 10 == 0 else "dev"), ("team", f"t{n % 5}"), ("n", str(n)))
    ]
    with sqlite3.connect(file, timeout=60) as connection:
        connection.executemany(
            "insert into model_versions(name, version, creation_time, last_updated_time, current_stage, source, status,"
            " storage_location, workspace)"
            " values (?, ?, ?, ?, 'None', 's3://bench/x', 'READY', 's3://bench/x', 'default')",
            rows,
        )
        connection.executemany(
            "insert into model_version_tags(key, value, name, version, workspace) values (?, ?, ?, ?, 'default')", tags
        )


def fill_runs(file: str, count: int) -> str:
    """``count`` runs with five metrics, five parameters and three tags; returns the experiment's id."""
    experiment = client().get_experiment_by_name("bench").experiment_id
    chance = random.Random(0)
    now = int(time.time() * 1000) - count
    runs, metrics, params, tags = [], [], [], []
    for number in range(count):
        run_id = f"{number:032x}"
        runs.append((run_id, f"run-{number}", now + number, now + number, f"s3://bench/{run_id}", experiment))
        metrics += [(f"m{n}", chance.random(), now + number, run_id) for n in range(5)]
        params += [(f"p{n}", f"v{chance.randrange(10)}", run_id) for n in range(5)]
        tags += [(f"t{n}", str(number), run_id) for n in range(3)]
    with sqlite3.connect(file, timeout=60) as connection:
        connection.executemany(
            "insert into runs(run_uuid, name, source_type, source_name, entry_point_name, user_id, status, start_time,"
            " end_time, source_version, lifecycle_stage, artifact_uri, experiment_id)"
            " values (?, ?, 'UNKNOWN', '', '', 'bench', 'FINISHED', ?, ?, '', 'active', ?, ?)",
            runs,
        )
        for name in ("metrics", "latest_metrics"):
            connection.executemany(
                f"insert into {name}(key, value, timestamp, run_uuid, step, is_nan) values (?, ?, ?, ?, 0, 0)", metrics
            )
        connection.executemany("insert into params(key, value, run_uuid) values (?, ?, ?)", params)
        connection.executemany("insert into tags(key, value, run_uuid) values (?, ?, ?)", tags)
    return str(experiment)


def make_race_model() -> None:
    client().create_registered_model("race")


def race(start_at: float, count: int) -> list[float]:
    """Add ``count`` versions to one model from ``start_at`` on; seconds of each, negative where it was refused.

    Under load SQLite's lock is not to be had within MLflow's own time: the caller counts those, the race goes on.
    """
    from mlflow.exceptions import MlflowException

    mine = client()
    while time.time() < start_at:
        time.sleep(0.001)
    waits = []
    for _ in range(count):
        began = time.perf_counter()
        try:
            mine.create_model_version("race", "s3://bench/race")
        except MlflowException:
            waits.append(began - time.perf_counter())
        else:
            waits.append(time.perf_counter() - began)
    return waits


def race_versions() -> list[int]:
    """Version numbers of the raced model."""
    return sorted(int(found.version) for found in client().search_model_versions("name='race'", max_results=10_000))
