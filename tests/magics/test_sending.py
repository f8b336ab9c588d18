"""Variables sent along with a run come out as they went in."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyterlab_dsp.errors import Corrupt, InvalidInput
from jupyterlab_dsp.platform import Platform
from jupyterlab_dsp.train.sending import pack, receive, send, unpack


class Thing:
    """A class of a module: pickled by name."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Thing)

    __hash__ = None  # type: ignore[assignment]


def same(left: Any, right: Any) -> bool:
    if isinstance(left, pd.DataFrame | pd.Series):
        return (
            type(left) is type(right) and left.equals(right) and getattr(left, "name", 0) == getattr(right, "name", 0)
        )
    if isinstance(left, np.ndarray):
        return left.dtype == right.dtype and np.array_equal(left, right)
    return type(left) is type(right) and bool(left == right)


FRAME = pd.DataFrame({"a": [1, 2], "b": ["x", None], "when": pd.to_datetime(["2026-01-01", "2026-01-02"])})


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (None, "json"),
        (3, "json"),
        (2**80, "json"),
        (1e-3, "json"),
        ("text ü 😀", "json"),
        ([1, [2.5, {"a": None}]], "json"),
        ({"a": [True]}, "json"),
        ((1, 2), "pickle"),
        ({1: "a"}, "pickle"),
        (float("inf"), "pickle"),
        ({1, 2}, "pickle"),
        (Thing(), "pickle"),
        (datetime.date(2026, 1, 1), "pickle"),
        (np.arange(6, dtype="float32").reshape(2, 3), "npy"),
        (np.array([]), "npy"),
        (np.asfortranarray(np.eye(3)), "npy"),
        (np.array(["a", "bc"]), "npy"),
        (np.array([{"a": 1}], dtype=object), "pickle"),
        (FRAME, "parquet"),
        (FRAME.set_index("a"), "parquet"),
        (FRAME["a"], "parquet"),
        (pd.Series([1.5, 2.5]), "parquet"),
        (pd.DataFrame({"mixed": [1, "x"]}), "pickle"),
        (pd.DataFrame(), "parquet"),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, str) else value[:8],
)
def test_values_come_back_as_they_were(value: Any, kind: str, tmp_path: Path) -> None:
    path, packed = pack(value, tmp_path, "x")
    assert packed == kind
    assert same(unpack(path), value)


def test_a_function_of_the_notebook_can_be_sent(tmp_path: Path) -> None:
    path, kind = pack(lambda x: x + 1, tmp_path)
    assert kind == "pickle"
    assert unpack(path)(2) == 3


def test_what_cannot_be_sent_is_said_in_a_sentence(tmp_path: Path) -> None:
    with (
        (tmp_path / "file").open("w") as file,
        pytest.raises(InvalidInput, match=r"'file' .TextIOWrapper. cannot be sent"),
    ):
        pack(file, tmp_path, "file")


def test_sent_values_lie_in_the_store_under_their_digest(platform: Platform) -> None:
    first = send(platform.store, [1, 2], "x", platform.paths.scratch)
    again = send(platform.store, [1, 2], "x", platform.paths.scratch)
    assert first == again
    assert first.digest.startswith("blake3:")
    assert first.warning is None
    assert receive(platform.store, first.digest) == [1, 2]
    assert "pickle" in (send(platform.store, Thing(), "thing", platform.paths.scratch).warning or "")
    assert list(platform.paths.scratch.iterdir()) == []


def test_damaged_bytes_are_told(tmp_path: Path) -> None:
    for content in (b"", b"\xff\xff", b"[]\n", b'{"kind": "exe"}\n'):
        (tmp_path / "sent").write_bytes(content)
        with pytest.raises(Corrupt):
            unpack(tmp_path / "sent")


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(plain)
@settings(max_examples=60, deadline=None)
def test_any_plain_value_comes_back(value: Any) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path, _ = pack(value, Path(folder))
        assert same(unpack(path), value)
