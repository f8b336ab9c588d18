"""Parameters: found, checked and written in place."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyterlab_dsp.errors import InvalidInput, UnknownParameter
from jupyterlab_dsp.model.slicing import CellSource, apply_parameters, parameters, parse_value, slice_cells
from jupyterlab_dsp.model.spec_module import to_module

SOURCE = """%%dsp train --name a
units: int = 64
lr = 1e-3; shape = (8, -8)  # two at once
größe = 'ä'; layers = [
    64,
    32,
]  # after
options = {"a": 1}
flag = True
nothing = None
made = int("3")
units = 65
print(units, lr, shape, größe, layers, options, flag, nothing)"""
CELLS = [CellSource("c", SOURCE, 0)]


def run(source: str) -> dict[str, Any]:
    space: dict[str, Any] = {"print": lambda *_: None}
    exec("\n".join(["#", *source.split("\n")[1:]]), space)
    return space


def test_literals_at_top_level_are_parameters() -> None:
    found = {each.name: each for each in parameters(slice_cells(CELLS, "c"))}
    assert list(found) == ["lr", "shape", "größe", "layers", "options", "flag", "nothing", "units"]
    assert (found["units"].default, found["units"].line, found["units"].type) == (65, 2, "int")
    assert found["shape"].default == (8, -8)
    assert found["layers"].line == 4


def test_values_are_written_in_place_and_lines_keep_their_numbers() -> None:
    values = {"units": 3, "lr": 1, "shape": [1, 2], "größe": "it's", "layers": [1], "flag": False, "nothing": "x"}
    (cell,) = apply_parameters(CELLS, values)
    assert cell.source.count("\n") == SOURCE.count("\n")
    assert cell.source.split("\n")[-1] == SOURCE.split("\n")[-1]
    space = run(cell.source)
    assert {name: space[name] for name in values} == {**values, "shape": (1, 2)}
    assert isinstance(space["lr"], float)
    assert "# two at once" in cell.source
    assert "# after" in cell.source


def test_unknown_name_suggests_the_nearest() -> None:
    with pytest.raises(UnknownParameter, match=r"no parameter 'unit'\. Did you mean 'units'\?") as caught:
        apply_parameters(CELLS, {"unit": 3})
    assert caught.value.details["field"] == "unit"
    assert "layers" in caught.value.details["parameters"]
    with pytest.raises(UnknownParameter, match="assign no literal"):
        apply_parameters([CellSource("c", "x = f()", 0)], {"y": 3})


@pytest.mark.parametrize(
    ("name", "value"),
    [("units", 1.5), ("units", "many"), ("units", True), ("lr", "fast"), ("flag", 1), ("größe", 1), ("layers", 3),
     ("options", [1]), ("lr", True), ("layers", [object()])],
)  # fmt: skip
def test_value_of_another_type_is_refused_and_names_the_parameter(name: str, value: object) -> None:
    with pytest.raises(InvalidInput) as caught:
        apply_parameters(CELLS, {name: value})
    assert caught.value.details["field"] == name
    assert name in caught.value.message


@pytest.mark.parametrize(
    ("text", "value"),
    [("1e-3", 0.001), ("64", 64), ("-1", -1), ("relu", "relu"), ("'relu'", "relu"), ("(1, 2)", (1, 2)),
     ("[1,", "[1,"), ("true", True), ("None", None), ("007", "007"), ("__import__('os')", "__import__('os')")],
)  # fmt: skip
def test_text_is_read_as_a_literal_else_as_text(text: str, value: object) -> None:
    assert parse_value(text) == value


def test_text_stays_text_for_a_text_default() -> None:
    assert parse_value("1.10", default="1.0") == "1.10"


def test_no_number_is_written_as_a_call() -> None:
    (cell,) = apply_parameters(CELLS, {"lr": float("inf")})
    assert run(cell.source)["lr"] == float("inf")


@given(st.text(), st.integers(), st.floats(allow_nan=False))
def test_any_value_survives_being_written(text: str, whole: int, real: float) -> None:
    (cell,) = apply_parameters(CELLS, {"größe": text, "units": whole, "lr": real})
    space = run(cell.source)
    assert (space["größe"], space["units"], space["lr"]) == (text, whole, real)


def test_module_runs_by_itself_with_the_parameters() -> None:
    cells = [
        CellSource("one", "%matplotlib inline\na = 2\ndisplay(a)", 0),
        CellSource("two", "from __future__ import annotations\n\ndef f(x: Missing) -> int:\n    return x * a", 2),
        CellSource("three", "%%dsp train --name t\nb = f(3)", 4),
    ]
    piece = slice_cells(cells, "three")
    text = to_module(piece, {"a": 5}, 'a "title" with \\ and """')
    space: dict[str, Any] = {}
    exec(compile(text, "model.py", "exec", dont_inherit=True), space)
    assert space["b"] == 15
    assert [line for line in text.splitlines() if line.startswith("# %%")] == [
        "# %% [cell 1] one",
        "# %% [cell 3] two",
        "# %% [cell 5] three",
    ]
    assert text == to_module(piece, title='a "title" with \\ and """', cells=apply_parameters(piece, {"a": 5}))
