"""``dsp.log``, ``dsp.log_artifact``, ``dsp.dataset``: what user code says to its run.

Outside a run (the same cell run by hand) they do nothing but check their input, so that one cell serves both.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, TypeVar

from ..errors import InvalidInput, NotFound
from .current import current_run
from .data_used import describe

T = TypeVar("T")


def log(values: dict[str, float] | None = None, /, *, step: float | None = None, **more: float) -> None:
    """Log metrics: ``dsp.log(auc=0.93)`` or ``dsp.log({"val/auc": 0.93}, step=7)``.

    step: place on the x axis; None counts up by one. Raises InvalidInput for a value that is no number.
    """
    numbers: dict[str, float] = {}
    for name, value in {**(values or {}), **more}.items():
        try:
            numbers[str(name)] = float(value)
        except (TypeError, ValueError):
            raise InvalidInput(
                f"The metric '{name}' is no number but {type(value).__name__}.",
                hint="Log a number; use dsp.log_artifact for anything else.",
                field=str(name),
            ) from None
    if step is not None:
        try:
            step = float(step)
        except (TypeError, ValueError):
            step = math.nan
        if not math.isfinite(step):
            raise InvalidInput("The step of a metric is a finite number.", field="step")
    run = current_run()
    if run is not None:
        run.tracker.log(numbers, step)


def log_artifact(source: str | Path | bytes | Any, name: str | None = None) -> None:
    """Keep a file, bytes, text or a matplotlib figure with the run.

    source: a path to a file, bytes, or an object with ``savefig``. name: its path within the run; needed for bytes.
    Raises NotFound for a missing file, InvalidInput for a bad name or an object of another kind.
    """
    content: Path | bytes
    if isinstance(source, bytes):
        content = source
    elif isinstance(source, str | Path):
        content = Path(source)
        if not content.is_file():
            raise NotFound.of("file", str(source))
        name = name or content.name
    elif hasattr(source, "savefig"):
        from io import BytesIO

        buffer = BytesIO()
        source.savefig(buffer, format="png", bbox_inches="tight")
        content = buffer.getvalue()
        name = name or "figure.png"
    else:
        raise InvalidInput(f"An artifact is a path, bytes or a figure, not {type(source).__name__}.", field="source")
    if not name or name.startswith(("/", "\\")) or ".." in Path(name).parts or "\0" in name:
        raise InvalidInput("The artifact's name must be a relative path without '..'.", field="name")
    run = current_run()
    if run is not None:
        with run.platform.store.writing():
            blob = run.platform.store.put(content)
            run.tracker.add_artifact({"path": name, "size_bytes": blob.size_bytes, "digest": blob.digest})


def dataset(value: T, name: str, *, uri: str | None = None) -> T:
    """Name the data that the run reads: its digest, shape and origin go on the run. Returns ``value``.

    ``x = dsp.dataset(pd.read_parquet("s3://.../x.parquet"), "clicks", uri="s3://.../x.parquet")``
    """
    run = current_run()
    if run is not None:
        entry = describe(value, name, "dataset") or {"name": name, "role": "dataset"}
        if uri:
            entry["uri"] = uri
        run.tracker.add_data(entry)
    return value
