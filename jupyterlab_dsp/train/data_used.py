"""What data a run read: shape, type and content digest, without importing any framework."""

from __future__ import annotations

from typing import Any

from blake3 import blake3

#: arrays above this are described but not hashed, so that a run does not wait long for it
MAX_HASHED_BYTES = 4 * 2**30


def describe(value: Any, name: str, role: str) -> dict[str, Any] | None:
    """The contract's ``DataUsed`` as a dict, or None for what is no data (None, generators ...)."""
    if value is None:
        return None
    module = type(value).__module__.split(".")[0]
    entry: dict[str, Any] = {"name": name, "role": role}
    if module == "pandas":
        return _pandas(value, entry)
    if hasattr(value, "element_spec"):  # tf.data: lazy, so its content has no digest
        entry["dtype"] = str(value.element_spec)[:500]
        cardinality = getattr(value, "cardinality", None)
        rows = int(cardinality()) if cardinality else -1
        entry["rows"] = rows if rows >= 0 else None
        return entry
    if module in ("tensorflow", "jax", "jaxlib", "torch") and hasattr(value, "shape"):
        value = _to_numpy(value)
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        return _array(value, entry)
    return None


def _to_numpy(value: Any) -> Any:
    if hasattr(value, "detach"):
        value = value.detach().cpu()
    return value.numpy() if hasattr(value, "numpy") else value


def _array(value: Any, entry: dict[str, Any]) -> dict[str, Any]:
    shape = [int(size) for size in value.shape]
    entry.update(shape=shape, dtype=str(value.dtype), rows=shape[0] if shape else None)
    size = getattr(value, "nbytes", None)
    if size is not None:
        entry["size_bytes"] = int(size)
        if size <= MAX_HASHED_BYTES and str(value.dtype) != "object" and hasattr(value, "tobytes"):
            entry["digest"] = digest_array(value)
    return entry


def digest_array(value: Any) -> str:
    """blake3 over type, shape and C-ordered bytes: equal arrays have equal digests, whatever their strides."""
    hasher = blake3(max_threads=blake3.AUTO)
    hasher.update(f"{value.dtype.str}{tuple(value.shape)}".encode())
    contiguous = value.flags.c_contiguous if hasattr(value, "flags") else False
    hasher.update(memoryview(value).cast("B") if contiguous and value.nbytes else value.tobytes())
    return f"blake3:{hasher.hexdigest()}"


def _pandas(value: Any, entry: dict[str, Any]) -> dict[str, Any]:
    from pandas.util import hash_pandas_object

    entry.update(shape=[int(size) for size in value.shape], rows=len(value))
    if hasattr(value, "columns"):
        entry["dtype"] = ", ".join(f"{column}: {type_}" for column, type_ in list(value.dtypes.items())[:50])
    else:
        entry["dtype"] = str(value.dtype)
    try:
        hashes = hash_pandas_object(value, index=True).to_numpy()
    except TypeError:  # cells that hold lists or other unhashable objects
        return entry
    columns = "|".join(map(str, getattr(value, "columns", [value.name if hasattr(value, "name") else ""])))
    entry["digest"] = f"blake3:{blake3(columns.encode() + hashes.tobytes()).hexdigest()}"
    return entry
