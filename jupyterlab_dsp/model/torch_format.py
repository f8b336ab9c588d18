"""PyTorch models. Written so that the weights can always be read without running code."""

from __future__ import annotations

from pathlib import Path
from pickle import UnpicklingError
from typing import Any

from ..errors import Corrupt, ExtraMissing, InvalidInput, UnsafeFormat
from .formats import NoOptions, class_name, is_instance_of
from .plugin import Saved, SavedFile

_WEIGHTS = "weights.pt"
_MODULE = "module.pt"
_SCRIPT = "script.pt"


class TorchFormat:
    """``torch.nn.Module``, and TorchScript programs.

    A TorchScript program is one safe file. Any other module is stored twice: its weights (a state_dict, which
    ``torch.load(weights_only=True)`` reads) and the module itself. The module is loaded without running foreign
    code where it consists of PyTorch's own layers; else it is a pickle, and marked so.
    """

    name = "torch"
    label = "PyTorch"
    package = "torch"
    priority = 50
    Config = NoOptions

    def __init__(self, config: NoOptions | None = None) -> None:
        self.config = config or NoOptions()

    def handles(self, obj: object) -> bool:
        return is_instance_of(obj, "torch", frozenset(("Module", "ScriptModule")))

    def save(self, obj: Any, folder: Path) -> Saved:
        import torch

        facts: dict[str, Any] = {
            "class": class_name(obj),
            "torch_version": torch.__version__,
            "params": sum(int(each.numel()) for each in obj.parameters()),
            "trainable_params": sum(int(each.numel()) for each in obj.parameters() if each.requires_grad),
            "layers": [
                {
                    "class": type(layer).__name__,
                    "name": name,
                    "output_shape": None,
                    "params": sum(int(each.numel()) for each in layer.parameters()),
                }
                for name, layer in list(obj.named_children())[:1000]
            ],
            "is_training": bool(obj.training),
        }
        if isinstance(obj, torch.jit.ScriptModule):
            torch.jit.save(obj, str(folder / _SCRIPT))
            facts["kind"] = "script"
            return Saved(files=[SavedFile(_SCRIPT, folder / _SCRIPT)], facts=facts, modules=["torch"])
        facts["kind"] = "module"
        torch.save(obj.state_dict(), folder / _WEIGHTS)
        try:
            torch.save(obj, folder / _MODULE)
        # a submodule's own __reduce__ may raise anything; each becomes our sentence, with the cause kept
        except Exception as error:
            raise InvalidInput(
                f"This {type(obj).__name__} cannot be saved whole: {str(error)[:300]}",
                hint="Define its class in a module instead of inside a function, or save torch.jit.script(model).",
                field="model",
            ) from error
        foreign = sorted({class_name(part) for part in obj.modules() if not _is_own(type(part))})
        reason = _reason(foreign)
        if not foreign:
            # believed only after it was done: hooks and odd attributes may need more than PyTorch's layers
            reason = None if _load_own(torch, folder / _MODULE, obj) is not None else _reason([class_name(obj)])
        facts["classes"] = sorted({class_name(part) for part in obj.modules()})
        return Saved(
            files=[SavedFile(_WEIGHTS, folder / _WEIGHTS), SavedFile(_MODULE, folder / _MODULE)],
            facts=facts,
            unsafe_reason=reason,
            modules=["torch", *(name.partition(".")[0] for name in foreign if not name.startswith("__main__."))],
        )

    def load(self, folder: Path, *, facts: dict[str, Any], allow_unsafe: bool) -> object:
        try:
            import torch
        except ModuleNotFoundError as error:
            raise ExtraMissing.of(error.name or "torch", "torch") from error
        try:
            if (folder / _SCRIPT).exists():
                return torch.jit.load(str(folder / _SCRIPT), map_location=_device(torch))
            if allow_unsafe:
                return torch.load(folder / _MODULE, weights_only=False, map_location=_device(torch))
            # an untrained copy of each layer class is not needed: the names in the facts are looked up in torch.nn
            with torch.serialization.safe_globals(_own_classes(torch, facts.get("classes") or [])):
                return torch.load(folder / _MODULE, weights_only=True, map_location=_device(torch))
        except AttributeError as error:
            raise InvalidInput(
                f"A class of the model is not known here: {str(error)[:300]}",
                hint="Define or import it first; then load the model again.",
                field="model",
            ) from error
        except Exception as error:
            if not allow_unsafe and "weights_only" in str(error).lower():
                raise UnsafeFormat(
                    f"{facts.get('class', 'The module')} is restored by pickle, which runs whatever code is inside.",
                    hint="If you trust who made it, load it with allow_unsafe=True; or build the module yourself and "
                    f"read only its weights from '{_WEIGHTS}'.",
                ) from error
            if isinstance(error, RuntimeError | OSError | EOFError | ValueError | UnpicklingError):
                raise Corrupt(f"PyTorch {torch.__version__} cannot read this version: {str(error)[:300]}") from error
            raise

    def code(self, folder_expr: str) -> str:
        return (
            "from pathlib import Path\n\nimport torch\n\n"
            f"folder = Path({folder_expr})\n"
            f'if (folder / "{_SCRIPT}").exists():\n'
            f'    model = torch.jit.load(folder / "{_SCRIPT}")\n'
            "else:\n"
            f'    weights = torch.load(folder / "{_WEIGHTS}", weights_only=True)\n'
            "    # model = YourModule(...)\n"
            "    # model.load_state_dict(weights)\n"
        )


def _reason(classes: list[str]) -> str | None:
    if not classes:
        return None
    more = f" and {len(classes) - 5} more" if len(classes) > 5 else ""
    return f"It is restored by pickle, because of the classes {', '.join(classes[:5])}{more}; a pickle can run code."


def _is_own(cls: type) -> bool:
    return cls.__module__.startswith("torch.nn.modules.")


def _own_classes(torch: Any, names: list[str]) -> list[type]:
    """Layer classes of PyTorch by full name; a name that is none of them is left out."""
    import collections
    import importlib

    found: list[type] = [collections.OrderedDict, set]
    for name in names:
        module, _, attribute = str(name).rpartition(".")
        if not module.startswith("torch.nn.modules."):
            continue
        cls = getattr(importlib.import_module(module), attribute, None)
        if isinstance(cls, type) and issubclass(cls, torch.nn.Module):
            found.append(cls)
    return found


def _load_own(torch: Any, file: Path, obj: Any) -> Any | None:
    names = sorted({class_name(part) for part in obj.modules()})
    try:
        with torch.serialization.safe_globals(_own_classes(torch, names)):
            return torch.load(file, weights_only=True, map_location="cpu")
    # torch raises pickle.UnpicklingError, RuntimeError and more; each means "not without running code"
    except Exception:  # noqa: BLE001
        return None


def _device(torch: Any) -> Any:
    """As it was saved where there is a GPU, else on the CPU."""
    return None if torch.cuda.is_available() else "cpu"
