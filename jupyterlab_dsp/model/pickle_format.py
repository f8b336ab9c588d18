"""Any Python object, by pickle: the last resort, never loaded without the caller's leave."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import Any

from ..errors import Corrupt, ExtraMissing, InvalidInput, UnsafeFormat
from .formats import NoOptions, class_name
from .plugin import Saved, SavedFile

_FILE = "model.pickle"


class PickleFormat:
    """Takes what no other format takes."""

    name = "pickle"
    label = "Pickle (unsafe)"
    priority = 0
    Config = NoOptions

    def __init__(self, config: NoOptions | None = None) -> None:
        self.config = config or NoOptions()

    def handles(self, obj: object) -> bool:
        return True

    def save(self, obj: object, folder: Path) -> Saved:
        """One pickle; classes of the notebook travel inside where cloudpickle is installed."""
        pickler, package = _pickler()
        try:
            with (folder / _FILE).open("wb") as file:
                pickler.dump(obj, file, protocol=5)
        # a class's own __reduce__ may raise anything; each becomes our sentence, with the cause kept
        except Exception as error:
            raise InvalidInput(
                f"A {class_name(obj)} cannot be pickled: {str(error)[:300]}",
                hint="Save what it consists of instead, for example its weights.",
                field="model",
            ) from error
        root = type(obj).__module__.partition(".")[0]
        return Saved(
            files=[SavedFile(_FILE, folder / _FILE)],
            facts={"class": class_name(obj), "pickled_by": package, "python": platform.python_version()},
            unsafe_reason=f"It is a pickle of a {class_name(obj)}: loading a pickle runs whatever code is inside.",
            modules=[name for name in (root, package) if name not in ("__main__", "builtins", "pickle")],
        )

    def load(self, folder: Path, *, facts: dict[str, Any], allow_unsafe: bool) -> object:
        if not allow_unsafe:
            raise UnsafeFormat(
                "It is a pickle: loading it runs whatever code is inside.",
                hint="If you trust who made it, load it with allow_unsafe=True.",
            )
        import pickle

        try:
            with (folder / _FILE).open("rb") as file:
                return pickle.load(file)
        except ModuleNotFoundError as error:
            raise ExtraMissing(
                f"The pickle needs the module '{error.name}', which is not installed here.",
                hint="The version's requirements name the package.",
                package=error.name,
            ) from error
        except (pickle.UnpicklingError, EOFError, AttributeError, ImportError, TypeError, ValueError) as error:
            raise Corrupt(
                f"The pickle cannot be read here: {str(error)[:300]}",
                hint=f"It was written by Python {facts.get('python', '?')}; this is {platform.python_version()}.",
            ) from error

    def code(self, folder_expr: str) -> str:
        return (
            "import pickle\nfrom pathlib import Path\n\n"
            "# Runs whatever code is inside: only if you trust who made it.\n"
            f'model = pickle.loads((Path({folder_expr}) / "{_FILE}").read_bytes())\n'
        )


def _pickler() -> tuple[Any, str]:
    try:
        import cloudpickle

        return cloudpickle, "cloudpickle"
    except ModuleNotFoundError:
        import pickle

        return pickle, "pickle"
