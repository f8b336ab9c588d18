"""The Keras format."""

from __future__ import annotations

import functools
import importlib.util
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from jupyterlab_dsp.errors import InvalidInput, UnsafeFormat
from jupyterlab_dsp.model.keras_classes import custom_objects, find_customs
from jupyterlab_dsp.model.keras_format import KerasFormat
from jupyterlab_dsp.model.plugin import Saved
from jupyterlab_dsp.testing.format_suite import FormatSuite

pytestmark = [
    pytest.mark.keras,
    pytest.mark.slow,
    pytest.mark.skipif(importlib.util.find_spec("keras") is None, reason="Keras is not installed"),
]

MAKE = """
import numpy as np, keras
keras.utils.set_random_seed(1)
model = keras.Sequential([keras.Input((8,), name="pixels"), keras.layers.Dense(16, activation="relu"),
                          keras.layers.Dense(3)])
loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
model.compile(keras.optimizers.Adam(1e-3), loss, metrics=["accuracy"])
model.fit(np.ones((32, 8)), np.zeros(32), verbose=0)
for number, each in enumerate([*model.weights, *model.optimizer.variables]):
    if len(each.shape):
        each.assign(keras.ops.ones_like(each) * number / 10)
"""


@functools.cache
def make() -> Any:
    names: dict[str, Any] = {}
    exec(MAKE, names)
    return names["model"]


class TestKeras(FormatSuite):
    @pytest.fixture
    def format(self) -> KerasFormat:
        return KerasFormat()

    @pytest.fixture
    def model(self) -> Any:
        return make()

    def same(self, first: Any, second: Any) -> bool:
        import numpy as np

        x = np.random.default_rng(0).normal(size=(4, 8))
        return bool(np.array_equal(first(x), second(x)))

    def test_keeps_compile_settings_and_optimizer_state(self, format: KerasFormat, model: Any, tmp_path: Path) -> None:
        saved, folder = save(format, model, tmp_path)
        loaded: Any = format.load(folder, facts=saved.facts, allow_unsafe=False)
        assert int(loaded.optimizer.iterations) == int(model.optimizer.iterations) == 1
        assert saved.facts["optimizer"] == "Adam"
        assert saved.facts["learning_rate"] == pytest.approx(1e-3)
        assert saved.facts["loss"] == "sparse_categorical_crossentropy"

    def test_facts_and_signature(self, format: KerasFormat, model: Any, tmp_path: Path) -> None:
        saved, _ = save(format, model, tmp_path)
        assert [(layer["class"], layer["output_shape"], layer["params"]) for layer in saved.facts["layers"]] == [
            ("Dense", [None, 16], 144),
            ("Dense", [None, 3], 51),
        ]
        assert saved.facts["params"] == 195
        assert saved.signature is not None
        assert saved.signature["inputs"] == [{"name": "pixels", "shape": [None, 8], "dtype": "float32"}]
        assert saved.signature["outputs"][0]["shape"] == [None, 3]
        assert saved.modules == ["keras", "tensorflow"]

    def test_other_process_writes_the_same_bytes(self, format: KerasFormat, model: Any, tmp_path: Path) -> None:
        """Weights that did not change are stored once, whoever saves them and when."""
        save(format, model, tmp_path)
        time.sleep(1.1)  # a time stamp of whole seconds would show
        code = MAKE + (
            "from pathlib import Path\nfrom jupyterlab_dsp.model.keras_format import KerasFormat\nimport sys\n"
            "folder = Path(sys.argv[1]); folder.mkdir()\n"
            "for file in KerasFormat().save(model, folder).files:\n"
            "    if isinstance(file.source, bytes): (folder / file.path).write_bytes(file.source)\n"
        )
        subprocess.run([sys.executable, "-c", code, str(tmp_path / "other")], check=True, timeout=120)
        other = tmp_path / "other"
        laid = tmp_path / "laid"
        assert (other / "config.json").read_bytes() == (laid / "config.json").read_bytes()
        assert (other / "metadata.json").read_bytes() == (laid / "metadata.json").read_bytes()
        assert (other / "keras/model.weights.h5").read_bytes() == (laid / "model.weights.h5").read_bytes()

    def test_unbuilt_is_refused_with_what_to_do(self, format: KerasFormat, tmp_path: Path) -> None:
        import keras

        with pytest.raises(InvalidInput, match="no weights yet"):
            format.save(keras.Sequential([keras.layers.Dense(2)]), tmp_path)

    def test_lambda_is_unsafe(self, format: KerasFormat, tmp_path: Path) -> None:
        import keras

        model = keras.Sequential([keras.Input((2,)), keras.layers.Lambda(lambda x: x + 1, name="plus_one")])
        saved, folder = save(format, model, tmp_path)
        assert "plus_one" in (saved.unsafe_reason or "")
        with pytest.raises(UnsafeFormat, match="plus_one"):
            format.load(folder, facts=saved.facts, allow_unsafe=False)
        loaded: Any = format.load(folder, facts=saved.facts, allow_unsafe=True)
        assert float(loaded(keras.ops.ones((1, 2)))[0, 0]) == 2.0

    def test_class_of_an_imported_module_is_found(self, format: KerasFormat, tmp_path: Path) -> None:
        import keras
        from keras_module import Doubler

        model = keras.Sequential([keras.Input((2,)), Doubler()])
        saved, folder = save(format, model, tmp_path)
        assert saved.facts["custom_classes"] == ["keras_module.Doubler"]
        loaded: Any = format.load(folder, facts=saved.facts, allow_unsafe=False)
        assert float(loaded(keras.ops.ones((1, 2)))[0, 0]) == 2.0

    def test_unknown_class_says_what_to_import(
        self, format: KerasFormat, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        import keras
        from keras_module import Doubler

        saved, folder = save(format, keras.Sequential([keras.Input((2,)), Doubler()]), tmp_path)
        monkeypatch.delitem(sys.modules, "keras_module")
        with pytest.raises(InvalidInput) as caught:
            format.load(folder, facts=saved.facts, allow_unsafe=False)
        assert caught.value.hint == "Import it first: from keras_module import Doubler."

    def test_class_of_a_notebook_says_which_cell(self, format: KerasFormat, tmp_path: Path) -> None:
        import keras

        class InCell(keras.layers.Layer):
            def call(self, x: Any) -> Any:
                return x

        InCell.__module__ = "__main__"
        saved, folder = save(format, keras.Sequential([keras.Input((2,)), InCell()]), tmp_path)
        with pytest.raises(InvalidInput) as caught:
            format.load(folder, facts=saved.facts, allow_unsafe=False)
        assert "run the cell that defines 'InCell'" in (caught.value.hint or "")
        sys.modules["__main__"].InCell = InCell  # type: ignore[attr-defined]
        try:
            assert format.load(folder, facts=saved.facts, allow_unsafe=False)
        finally:
            del sys.modules["__main__"].InCell  # type: ignore[attr-defined]

    def test_function_of_a_notebook_is_found_there_only(self, format: KerasFormat, tmp_path: Path) -> None:
        import keras
        from keras_module import scaled_relu

        model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2, activation=scaled_relu)])
        saved, folder = save(format, model, tmp_path)
        with pytest.raises(InvalidInput, match="'scaled_relu'"):
            format.load(folder, facts=saved.facts, allow_unsafe=False)

        def in_cell(x: Any) -> Any:
            return scaled_relu(x)

        in_cell.__module__ = "__main__"
        sys.modules["__main__"].scaled_relu = in_cell  # type: ignore[attr-defined]
        try:
            assert format.load(folder, facts=saved.facts, allow_unsafe=False)
        finally:
            del sys.modules["__main__"].scaled_relu  # type: ignore[attr-defined]

    @pytest.mark.parametrize(
        "node",
        [
            {"module": "subprocess", "class_name": "Popen", "config": {}, "registered_name": "Popen"},
            {"module": "os", "class_name": "function", "config": "system", "registered_name": "function"},
            {"module": "keras_module", "class_name": "function", "config": "scaled_relu", "registered_name": "f"},
        ],
    )
    def test_config_cannot_reach_for_anything(self, node: dict[str, Any]) -> None:
        import keras
        import keras_module  # noqa: F401

        with pytest.raises(InvalidInput):
            custom_objects(keras, find_customs(keras, {"config": [node]}), allow_unsafe=False)


def save(format: KerasFormat, model: Any, tmp_path: Path) -> tuple[Saved, Path]:
    source, laid = tmp_path / "source", tmp_path / "laid"
    source.mkdir()
    saved = format.save(model, source)
    for file in saved.files:
        target = laid / file.path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(file.source if isinstance(file.source, bytes) else file.source.read_bytes())
    json.dumps(saved.facts, allow_nan=False)
    return saved, laid
