"""Keras 3 models: the content of a ``.keras`` archive as single files, so that what did not change is stored once."""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path
from typing import Any

from ..errors import Corrupt, ExtraMissing, InvalidInput, UnsafeFormat
from .formats import NoOptions, class_name, is_instance_of
from .keras_classes import custom_objects, find_customs, find_lambdas
from .keras_facts import describe
from .plugin import Saved, SavedFile


class KerasFormat:
    """Keras 3 models of every back end, with optimizer and compile settings."""

    name = "keras"
    label = "Keras"
    package = "keras"
    priority = 50
    Config = NoOptions

    def __init__(self, config: NoOptions | None = None) -> None:
        self.config = config or NoOptions()

    def handles(self, obj: object) -> bool:
        return is_instance_of(obj, "keras", frozenset(("Model",)))

    def save(self, obj: Any, folder: Path) -> Saved:
        """Write config, metadata, weights and assets. Raises InvalidInput for a model that cannot be saved."""
        if not obj.built:
            raise InvalidInput(
                f"The model '{obj.name}' has no weights yet.",
                hint="Call it on some data, fit it, or give its first layer an input shape; then save it.",
                field="model",
            )
        target = folder / "keras"
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                obj.save(str(target), zipped=False)
        except (TypeError, ValueError, NotImplementedError) as error:
            raise InvalidInput(
                f"Keras cannot save this {type(obj).__name__}: {_first_line(error)}",
                hint="A class of your own needs get_config(); see keras.io, 'Serialization and saving'.",
                field="model",
            ) from error
        config = _stable_config(json.loads((target / "config.json").read_bytes()))
        metadata = json.loads((target / "metadata.json").read_bytes())
        metadata.pop("date_saved", None)  # else two equal models would differ
        files = [
            SavedFile("config.json", json.dumps(config).encode()),
            SavedFile("metadata.json", json.dumps(metadata).encode()),
        ]
        written = {"config.json", "metadata.json"}
        for path in sorted(target.rglob("*")):
            relative = path.relative_to(target).as_posix()
            if path.is_file() and relative not in written:
                files.append(SavedFile(relative, path))
        facts, signature = describe(obj)
        keras = sys.modules["keras"]
        customs = find_customs(keras, config)
        if customs:
            facts["custom_classes"] = [custom.label for custom in customs]
        facts["keras_version"] = metadata.get("keras_version", "")
        lambdas = find_lambdas(config)
        backend = keras.config.backend()
        return Saved(
            files=files,
            facts={"class": class_name(obj), "backend": backend, **facts},
            signature=signature,
            unsafe_reason=_lambda_reason(lambdas) if lambdas else None,
            modules=["keras", backend, *(custom.module for custom in customs if custom.module != "__main__")],
        )

    def load(self, folder: Path, *, facts: dict[str, Any], allow_unsafe: bool) -> object:
        """The compiled model. Raises UnsafeFormat, ExtraMissing, InvalidInput (a class is not known here), Corrupt."""
        try:
            import keras
        except ModuleNotFoundError as error:
            raise ExtraMissing.of(error.name or "keras", "tensorflow") from error
        try:
            config = json.loads((folder / "config.json").read_bytes())
        except (OSError, ValueError) as error:
            raise Corrupt("The version has no readable config.json.") from error
        lambdas = find_lambdas(config)
        if lambdas and not allow_unsafe:
            raise UnsafeFormat(_lambda_reason(lambdas), hint=ALLOW, layers=lambdas)
        known = custom_objects(keras, find_customs(keras, config), allow_unsafe=allow_unsafe)
        try:
            return keras.saving.load_model(str(folder), custom_objects=known, safe_mode=not allow_unsafe)
        except (TypeError, ValueError, OSError, KeyError) as error:
            raise Corrupt(
                f"Keras {keras.__version__} cannot read this version: {_first_line(error)}",
                hint=f"It was saved by Keras {facts.get('keras_version', '?')}.",
            ) from error

    def code(self, folder_expr: str) -> str:
        return f"import keras\n\nmodel = keras.saving.load_model({folder_expr})\n"


#: what to do about a refused format
ALLOW = "If you trust who made it, load it with allow_unsafe=True."


def _lambda_reason(layers: list[str]) -> str:
    names = ", ".join(layers[:5])
    return f"It has a Lambda layer with Python code inside ({names}), which runs when the model is loaded or used."


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]


def _stable_config(config: Any) -> Any:
    """Keras marks shared objects by their address in memory; count them instead, so that equal models are equal."""
    numbers: dict[int, int] = {}

    def walk(node: Any) -> Any:
        if isinstance(node, list):
            return [walk(item) for item in node]
        if not isinstance(node, dict):
            return node
        return {
            key: numbers.setdefault(value, len(numbers) + 1)
            if key == "shared_object_id" and isinstance(value, int)
            else walk(value)
            for key, value in node.items()
        }

    return walk(config)
