"""Keras classes that live in a module of their own, as a user's would."""

from __future__ import annotations

from typing import Any

import keras


class Doubler(keras.layers.Layer):
    def call(self, x: Any) -> Any:
        return x * 2


def scaled_relu(x: Any) -> Any:
    return keras.ops.relu(x) * 0.5
