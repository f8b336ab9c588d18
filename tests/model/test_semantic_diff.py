"""What changed between two Specs, in words."""

from __future__ import annotations

from typing import Any

import pytest

from jupyterlab_dsp.model.architecture import read_architecture
from jupyterlab_dsp.model.semantic_diff import SemanticDiff, diff_cells, diff_specs

MODEL = """import keras
model = keras.Sequential([
  keras.Input((64,)),
  keras.layers.Dense(units, "relu"),
  keras.layers.Dense(10)])
model.compile(optimizer=keras.optimizers.Adam(lr), loss="mse")
model.fit(x_train, y_train, epochs=10)"""


def spec(source: str = MODEL, **more: Any) -> dict[str, Any]:
    parameters = [{"name": "units", "default": 64}, {"name": "lr", "default": 0.001}]
    return {"cells": [{"id": "m", "index": 3, "source": source}], "parameters": parameters, **more}


def texts(diff: SemanticDiff, section: str) -> list[str]:
    return [each.text for each in getattr(diff, section)]


def test_changes_are_told_as_the_dialog_shows_them() -> None:
    new = MODEL.replace('"relu"),', '"relu"),\n  keras.layers.Dropout(0.2),').replace("epochs=10", "epochs=20")
    diff = diff_specs(
        spec(environment={"python": "3.11.7", "packages": {"keras": "3.15.0", "numpy": "2.4.6"}},
             data=[{"name": "digits", "version": 3, "digest": "a", "rows": 1000}],
             files=[{"path": "my_layers.py", "digest": "a"}]),
        spec(new, environment={"python": "3.11.7", "packages": {"keras": "3.15.1", "scipy": "1.0"}},
             data=[{"name": "digits", "version": 4, "digest": "b", "rows": 1120}],
             files=[{"path": "my_layers.py", "digest": "b"}, {"path": "new.py", "digest": "c"}]),
        base_version=9,
    )  # fmt: skip
    assert texts(diff, "architecture") == ["+ Dropout(0.2) after Dense(64)"]
    assert texts(diff, "parameters") == ["fit epochs 10 → 20"]
    assert texts(diff, "data") == ["digits@3 → digits@4, 120 rows more"]
    assert texts(diff, "environment") == ["keras 3.15.0 → 3.15.1", "- numpy 2.4.6", "+ scipy 1.0"]
    assert texts(diff, "files") == ["my_layers.py changed", "+ new.py"]
    (change,) = diff.code
    assert (change.cell, change.kind) == ("cell 4", "changed")
    assert [(line.op, line.text.strip()) for line in change.lines if line.op != "same"] == [
        ("added", "keras.layers.Dropout(0.2),"),
        ("removed", "model.fit(x_train, y_train, epochs=10)"),
        ("added", "model.fit(x_train, y_train, epochs=20)"),
    ]
    assert diff.base_version == 9
    assert not diff.is_empty
    assert SemanticDiff.from_dict(diff.to_dict()) == diff
    assert diff.to_dict()["is_empty"] is False


def test_diff_fits_the_contract() -> None:
    from jupyterlab_dsp.contract.model import SemanticDiff as Shape

    diff = diff_specs(spec(), spec(MODEL.replace("10)", "11)")))
    assert Shape.model_validate(diff.to_dict()).architecture[0].text == "Dense(10) → Dense(11)"


def test_equal_specs_have_an_empty_diff() -> None:
    assert diff_specs(spec(), spec()).is_empty
    assert diff_specs(None, spec()).base_version is None


def test_parameter_is_told_once_though_fit_uses_it() -> None:
    source = MODEL.replace("epochs=10", "epochs=epochs")
    old = {"cells": [{"id": "a", "index": 0, "source": source}], "parameters": {"epochs": 10}}
    diff = diff_specs(old, {**old, "parameters": {"epochs": 20}})
    assert texts(diff, "parameters") == ["epochs 10 → 20"]


def test_units_are_told_in_parameters_and_architecture() -> None:
    new = {**spec(), "parameters": {"units": 128, "lr": 0.001}}
    diff = diff_specs(spec(), new)
    assert texts(diff, "architecture") == ["Dense(64) → Dense(128)"]
    assert texts(diff, "parameters") == ["units 64 → 128"]


@pytest.mark.parametrize(
    ("source", "labels"),
    [
        ("from keras import layers\nm = keras.Sequential()\nm.add(layers.Dense(3))\nm.add(layers.Dropout(rate=0.5))",
         ["Dense(3)", "Dropout(rate=0.5)"]),
        ("from keras import layers, Input, Model\ni = Input((4,))\n"
         "x = layers.Dense(8)(i)\no = layers.Dense(1)(layers.ReLU()(x))\n"
         "m = Model(i, o)", ["Input((4,))", "Dense(8)", "ReLU()", "Dense(1)"]),
        ("import torch.nn as nn\nclass Net(nn.Module):\n    def __init__(self):\n        self.a = nn.Linear(4, 2)\n"
         "        self.b = nn.ReLU()", ["Linear(4)", "ReLU()"]),
        ("from sklearn.pipeline import Pipeline\nfrom sklearn.svm import SVC\n"
         "from sklearn.preprocessing import StandardScaler\n"
         "p = Pipeline([('s', StandardScaler()), ('c', SVC(C=2))])", ["StandardScaler()", "SVC(C=2)"]),
        ("import tensorflow as tf\nfor _ in range(2):\n    m.add(tf.keras.layers.Dense(units))\n"
         "opt = tf.keras.optimizers.Adam(1)",
         ["Dense(64)"]),
        ("import xgboost\nm = xgboost.XGBClassifier(max_depth=3)", ["XGBClassifier(max_depth=3)"]),
        ("from keras.layers import LSTM, Bidirectional\nl = Bidirectional(LSTM(4))", ["Bidirectional(LSTM(4))"]),
    ],
)  # fmt: skip
def test_architecture_is_read_from_the_code(source: str, labels: list[str]) -> None:
    found = read_architecture(["import keras\n" + source], {"units": 64})
    assert [each.label for each in found] == labels


def test_recorded_architecture_wins_over_the_text() -> None:
    rows: list[dict[str, Any]] = [
        {"class": "Dense", "config": {"units": 64}, "parameters": 4160},
        {"class": "Dense", "config": {"units": 10}, "parameters": 650},
    ]
    more = [rows[0], {"class": "Dropout", "config": {"rate": 0.2}, "parameters": 0}, rows[1]]
    diff = diff_specs(spec(architecture=rows), spec(architecture=more))
    assert texts(diff, "architecture") == ["+ Dropout(0.2) after Dense(64)"]
    wider = [{**rows[0], "config": {"units": 65}, "parameters": 4225}, rows[1]]
    diff = diff_specs(spec(architecture=rows), spec(architecture=wider))
    assert texts(diff, "architecture") == [
        "Dense(64) → Dense(65)",
        "4\N{NO-BREAK SPACE}810 → 4\N{NO-BREAK SPACE}875 parameters",
    ]


def test_cells_are_matched_by_id_and_then_by_likeness() -> None:
    old = [{"id": "a", "index": 0, "source": "x = 1\ny = 2"}, {"id": "b", "index": 1, "source": "import os"}]
    new = [
        {"id": "z", "index": 0, "source": "x = 1\ny = 3"},
        {"id": "c", "index": 1, "source": "totally = 'different'"},
    ]
    assert [(each.cell, each.kind) for each in diff_cells(old, new)] == [
        ("cell 1", "changed"),
        ("cell 2", "added"),
        ("cell 2", "removed"),
    ]
