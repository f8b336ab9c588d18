"""The models that both sides save: the same layers, the same weights."""

from __future__ import annotations

from functools import cache
from typing import Any

#: width of the two hidden layers: 0.4 MB (784-128-10) and 100 MB
SMALL = (784, (128,))
LARGE = (2048, (4096, 4096))


@cache
def model(size: str) -> Any:
    """``small`` or ``large``; compiled, trained on nothing, so that no optimizer state is there."""
    import keras

    inputs, hidden = SMALL if size == "small" else LARGE
    keras.utils.set_random_seed(0)
    layers = [keras.Input((inputs,)), *(keras.layers.Dense(units, activation="relu") for units in hidden)]
    built = keras.Sequential([*layers, keras.layers.Dense(10, activation="softmax")])
    built.compile(optimizer="sgd", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return built
