"""What a reader wants to know of a Keras model: layers, sizes, compile settings, inputs and outputs."""

from __future__ import annotations

from typing import Any

#: layers that are listed; a deeper model says how many more there are
_MAX_LAYERS = 1000


def describe(model: Any) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """(facts, signature). Never fails: what a model does not tell is left out."""
    layers = list(getattr(model, "layers", []))
    facts: dict[str, Any] = {
        "layers": [_layer(layer) for layer in layers[:_MAX_LAYERS]],
        "layer_count": len(layers),
        "params": _count(model),
        "trainable_params": _variables(getattr(model, "trainable_variables", [])),
    }
    if getattr(model, "compiled", False):
        optimizer = getattr(model, "optimizer", None)
        facts["optimizer"] = type(optimizer).__name__ if optimizer is not None else None
        facts["loss"] = _name_of(getattr(model, "loss", None))
        if (rate := _learning_rate(optimizer)) is not None:
            facts["learning_rate"] = rate
    return facts, signature_of(model)


def _layer(layer: Any) -> dict[str, Any]:
    return {
        "class": type(layer).__name__,
        "name": layer.name,
        "output_shape": _output_shape(layer),
        "params": _count(layer),
    }


def _count(layer: Any) -> int | None:
    try:
        return int(layer.count_params())
    except (ValueError, AttributeError, NotImplementedError):
        return None  # not built, or a class of one's own that does not tell


def _variables(variables: Any) -> int:
    total = 0
    for variable in variables:
        size = 1
        for length in variable.shape:
            size *= int(length)
        total += size
    return total


def _output_shape(layer: Any) -> Any:
    try:
        return _shape(layer.output)
    except (AttributeError, ValueError, RuntimeError):
        return None  # used more than once, or never called symbolically


def _shape(tensor: Any) -> Any:
    if isinstance(tensor, list | tuple):
        return [_shape(item) for item in tensor]
    if isinstance(tensor, dict):
        return {str(key): _shape(item) for key, item in tensor.items()}
    return [None if length is None else int(length) for length in tensor.shape]


def signature_of(model: Any) -> dict[str, Any] | None:
    """Names, shapes (None: any length) and types of inputs and outputs; None where the model does not tell."""
    try:
        inputs, outputs = model.inputs, model.outputs
    except (AttributeError, ValueError):
        return None  # a subclassed model has none
    if not inputs or not outputs:
        return None
    names = list(getattr(model, "output_names", []))
    return {
        "inputs": [_tensor(tensor, None) for tensor in inputs],
        "outputs": [_tensor(tensor, names[i] if i < len(names) else None) for i, tensor in enumerate(outputs)],
    }


def _tensor(tensor: Any, name: str | None) -> dict[str, Any]:
    return {"name": name or tensor.name, "shape": _shape(tensor), "dtype": str(tensor.dtype)}


def _name_of(loss: Any) -> Any:
    if loss is None or isinstance(loss, str):
        return loss
    if isinstance(loss, dict):
        return {str(key): _name_of(item) for key, item in loss.items()}
    if isinstance(loss, list | tuple):
        return [_name_of(item) for item in loss]
    return getattr(loss, "name", None) or getattr(loss, "__name__", None) or type(loss).__name__


def _learning_rate(optimizer: Any) -> float | None:
    try:
        return round(float(optimizer.learning_rate), 12)
    except (AttributeError, TypeError, ValueError):
        return None
