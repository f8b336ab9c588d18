"""Variables sent along with a run (``--send df``): packed in the kernel, unpacked in the job.

One blob holds one variable: a line of JSON that says what follows (kind, name, class), then the bytes. It stands by
itself, so whoever keeps the digest keeps the value. Tables become Parquet, arrays npy, plain values JSON; anything
else is pickled, and marked so: unpickling runs code, here the user's own, in the user's own job.
"""

from __future__ import annotations

import json
import math
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Literal

from ..errors import Corrupt, ExtraMissing, InvalidInput

if TYPE_CHECKING:
    from ..model.plugin import Store

Kind = Literal["parquet", "npy", "json", "pickle"]
_LARGEST_HEADER = 64 * 1024


@dataclass(frozen=True, slots=True)
class Sent:
    """A variable in the store."""

    digest: str
    kind: Kind
    size_bytes: int
    warning: str | None = None


def send(store: Store, value: Any, name: str, scratch: Path) -> Sent:
    """Store ``value``. Hold ``store.writing()`` from before this until the run that names the digest is recorded.

    Raises InvalidInput where it cannot be sent, ExtraMissing.
    """
    with _folder(scratch) as folder:
        path, kind = pack(value, folder, name)
        blob = store.put(path, move=True)
    warning = None
    if kind == "pickle":
        warning = f"'{name}' ({type(value).__name__}) is sent as a pickle: it needs the same packages in the job."
    return Sent(blob.digest, kind, blob.size_bytes, warning)


def receive(store: Store, digest: str) -> Any:
    """The value again. Raises NotFound, Corrupt, ExtraMissing."""
    with tempfile.TemporaryDirectory(prefix="dsp-sent-") as folder:
        path = Path(folder) / "sent"
        store.fetch(digest, path)
        return unpack(path)


def pack(value: Any, folder: Path, name: str = "") -> tuple[Path, Kind]:
    """Write ``value`` to a file in ``folder``; returns it and how it is packed. Raises InvalidInput, ExtraMissing."""
    path = folder / "sent"
    kind = _kind(value)
    try:
        _write(path, kind, value, name)
    except (TypeError, ValueError, OverflowError, NotImplementedError) as error:
        if kind == "pickle":
            raise _cannot(name, value, error) from error
        # a table of lists, an array of records: what its own format cannot hold, a pickle can
        kind = "pickle"
        _write_pickle(path, value, name)
    return path, kind


def unpack(path: Path) -> Any:
    """What ``pack`` wrote. Raises Corrupt, ExtraMissing."""
    with path.open("rb") as file:
        header = _read_header(file)
        kind = header.get("kind")
        if kind == "json":
            return json.load(file)
        if kind == "npy":
            import numpy as np

            return np.load(file, allow_pickle=False)
        if kind == "parquet":
            return _read_parquet(file, header)
        if kind == "pickle":
            return _pickler().load(file)
    raise Corrupt(f"The sent variable is of an unknown kind: {kind!r}.")


def _kind(value: Any) -> Kind:
    module, name = type(value).__module__.split(".")[0], type(value).__name__
    if module == "pandas" and name in ("DataFrame", "Series"):
        return "parquet"
    if module == "numpy" and name == "ndarray" and not value.dtype.hasobject:
        return "npy"
    return "json" if _is_plain(value) else "pickle"


def _is_plain(value: Any, depth: int = 0) -> bool:
    """Whether JSON gives back exactly this: no tuples, no numbers as keys, no infinity."""
    kind = type(value)
    if kind is float:
        return math.isfinite(value)
    if value is None or kind in (str, int, bool):
        return True
    if depth > 50:
        return False
    if kind is list:
        return all(_is_plain(each, depth + 1) for each in value)
    return kind is dict and all(type(key) is str and _is_plain(each, depth + 1) for key, each in value.items())


def _write(path: Path, kind: Kind, value: Any, name: str) -> None:
    if kind == "pickle":
        _write_pickle(path, value, name)
        return
    with path.open("wb") as file:
        if kind == "npy":
            import numpy as np

            _write_header(file, kind, value, name)
            np.save(file, value, allow_pickle=False)
        elif kind == "json":
            _write_header(file, kind, value, name)
            file.write(json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass"))
        else:
            _write_parquet(file, value, name)


def _write_header(file: BinaryIO, kind: Kind, value: Any, name: str, **more: Any) -> None:
    header = {"kind": kind, "name": name, "class": f"{type(value).__module__}.{type(value).__qualname__}", **more}
    file.write(json.dumps(header).encode() + b"\n")


def _read_header(file: BinaryIO) -> dict[str, Any]:
    try:
        header = json.loads(file.readline(_LARGEST_HEADER))
    except ValueError as error:
        raise Corrupt("The sent variable has no readable header.") from error
    if not isinstance(header, dict):
        raise Corrupt("The sent variable has no readable header.")
    return header


def _write_parquet(file: BinaryIO, value: Any, name: str) -> None:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise TypeError("no pyarrow") from error  # a pickle does it as well
    import pandas as pd

    is_series = isinstance(value, pd.Series)
    frame = value.to_frame(name="value") if is_series else value
    try:
        table = pa.Table.from_pandas(frame, preserve_index=None)
    except pa.ArrowException as error:
        raise TypeError(str(error)) from error
    if not table.to_pandas().equals(frame):
        raise TypeError("Parquet does not give it back unchanged")  # mixed objects, exotic dtypes, attributes
    more: dict[str, Any] = {}
    if is_series:
        more = {
            "series": True,
            "series_name": value.name if isinstance(value.name, str | int | None) else str(value.name),
        }
    _write_header(file, "parquet", value, name, **more)
    # written apart: Parquet counts from the start of its own file
    buffer = pa.BufferOutputStream()
    pq.write_table(table, buffer, compression="zstd")
    file.write(buffer.getvalue())


def _read_parquet(file: BinaryIO, header: dict[str, Any]) -> Any:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise ExtraMissing(
            "Reading this table needs 'pyarrow'.", hint="pip install pyarrow", package="pyarrow"
        ) from error
    frame = pq.read_table(pa.BufferReader(file.read())).to_pandas()
    if header.get("series"):
        series = frame["value"]
        series.name = header.get("series_name")
        return series
    return frame


def _write_pickle(path: Path, value: Any, name: str) -> None:
    pickler = _pickler()
    with path.open("wb") as file:
        _write_header(file, "pickle", value, name, unsafe_reason="Unpickling runs code that comes with the file.")
        try:
            pickler.dump(value, file)
        except Exception as error:  # any __reduce__ may raise anything
            raise _cannot(name, value, error) from error


def _pickler() -> Any:
    try:
        import cloudpickle

        return cloudpickle
    except ImportError:
        import pickle

        return pickle


def _cannot(name: str, value: Any, error: Exception) -> InvalidInput:
    reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
    return InvalidInput(
        f"'{name}' ({type(value).__name__}) cannot be sent: {reason}.",
        hint="Make it in a cell of the notebook, or write it to a file that the cell reads.",
        field="send",
    )


@contextmanager
def _folder(scratch: Path) -> Iterator[Path]:
    scratch.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="send-", dir=scratch))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
