"""scikit-learn estimators and pipelines by skops: loads without running code where all types are known."""

from __future__ import annotations

import io
import json
import re
import zipfile
from pathlib import Path
from typing import Any

from ..errors import Corrupt, ExtraMissing, InvalidInput, UnsafeFormat
from .formats import NoOptions, class_name, is_instance_of
from .plugin import Saved, SavedFile

_FILE = "model.skops"

#: what skops asks about although NumPy, SciPy and scikit-learn bring it themselves: data, and pure functions of the
#: packages that are installed here. Found by fitting every estimator of scikit-learn 1.9. Distributions of
#: scipy.stats are not among them: they run a text of the file as code when they are restored.
_KNOWN = frozenset(
    (
        "numpy.dtype",
        "numpy.mean",
        "scipy._lib.array_api_compat.numpy._aliases.asarray",
        "scipy.interpolate._bsplines.BSpline",
        "scipy.sparse._csr.csr_matrix",
        "sklearn.cluster._kmeans._kmeans_single_elkan",
        "sklearn.cluster._kmeans._kmeans_single_lloyd",
        "sklearn.feature_selection._univariate_selection.chi2",
        "sklearn.feature_selection._univariate_selection.f_classif",
        "sklearn.feature_selection._univariate_selection.f_regression",
    )
)
#: scikit-learn's own classes: skops restores them by setting their attributes, it calls none of their functions
_OWN_CLASS = re.compile(r"sklearn\.(?!externals\.|datasets\.|tests\.|utils\._test)[\w.]+\._*[A-Z]\w*")


class SklearnFormat:
    """Estimators, pipelines and searches of scikit-learn."""

    name = "sklearn"
    label = "scikit-learn"
    package = "sklearn"
    priority = 30
    Config = NoOptions

    def __init__(self, config: NoOptions | None = None) -> None:
        self.config = config or NoOptions()

    def handles(self, obj: object) -> bool:
        return is_instance_of(obj, "sklearn", frozenset(("BaseEstimator",)))

    def save(self, obj: Any, folder: Path) -> Saved:
        try:
            import skops.io
        except ModuleNotFoundError as error:
            raise ExtraMissing.of("skops", "sklearn") from error
        from sklearn import __version__
        from sklearn.exceptions import NotFittedError
        from sklearn.utils.validation import check_is_fitted

        try:
            check_is_fitted(obj)
        except NotFittedError as error:
            raise InvalidInput(
                f"This {type(obj).__name__} has not been fitted yet.", hint="Fit it, then save it.", field="model"
            ) from error
        except TypeError:
            pass  # no estimator in scikit-learn's sense (no fit method); it may still be worth keeping
        try:
            data = _stable(skops.io.dumps(obj))
        except (TypeError, ValueError, AttributeError) as error:
            raise InvalidInput(
                f"skops cannot save this {type(obj).__name__}: {str(error)[:300]}",
                hint="Functions and classes of a notebook belong into a module; or pass format='pickle'.",
                field="model",
            ) from error
        unknown = _unknown(skops.io.get_untrusted_types(data=data))
        facts: dict[str, Any] = {"class": class_name(obj), "sklearn_version": __version__, "params": _params(obj)}
        if steps := getattr(obj, "steps", None):
            facts["steps"] = [{"name": str(name), "class": class_name(step)} for name, step in steps]
        if unknown:
            facts["unknown_types"] = unknown
        modules = ["sklearn", "skops", "numpy", *(name.partition(".")[0] for name in unknown)]
        return Saved(
            files=[SavedFile(_FILE, data)],
            facts=facts,
            signature=_signature(obj),
            unsafe_reason=_reason(unknown) + _advice(obj) if unknown else None,
            modules=[name for name in dict.fromkeys(modules) if name not in ("__main__", "builtins")],
        )

    def load(self, folder: Path, *, facts: dict[str, Any], allow_unsafe: bool) -> object:
        try:
            import skops.io
        except ModuleNotFoundError as error:
            raise ExtraMissing.of(error.name or "skops", "sklearn") from error
        try:
            data = (folder / _FILE).read_bytes()
            asked = skops.io.get_untrusted_types(data=data)
            unknown = _unknown(asked)
            if unknown and not allow_unsafe:
                raise UnsafeFormat(
                    _reason(unknown),
                    hint="If you trust who made it, load it with allow_unsafe=True.",
                    types=unknown,
                )
            return skops.io.loads(data, trusted=asked)
        except (ModuleNotFoundError, AttributeError) as error:
            raise InvalidInput(
                f"A class of the model is not known here: {str(error)[:300]}",
                hint="Import or define it first, or install the version's requirements.",
                field="model",
            ) from error
        except (OSError, ValueError, TypeError, KeyError, zipfile.BadZipFile) as error:
            raise Corrupt(
                f"skops cannot read this version: {str(error)[:300]}",
                hint=f"It was saved with scikit-learn {facts.get('sklearn_version', '?')}.",
            ) from error

    def code(self, folder_expr: str) -> str:
        return (
            "from pathlib import Path\n\nimport skops.io\n\n"
            f'file = Path({folder_expr}) / "{_FILE}"\n'
            "print(skops.io.get_untrusted_types(file=file))  # look at these, then trust them or not\n"
            "model = skops.io.load(file, trusted=[])  # name them here\n"
        )


def _unknown(types: list[str]) -> list[str]:
    return sorted(name for name in set(types) - _KNOWN if not _OWN_CLASS.fullmatch(name))


def _reason(types: list[str]) -> str:
    more = f" and {len(types) - 5} more" if len(types) > 5 else ""
    return f"Loading runs code of types that are not known to be safe: {', '.join(types[:5])}{more}."


def _advice(obj: Any) -> str:
    is_search = hasattr(obj, "best_estimator_")
    return " If the best estimator is all you need, store search.best_estimator_ instead." if is_search else ""


def _params(obj: Any) -> dict[str, str]:
    try:
        return {str(name): repr(value)[:200] for name, value in list(obj.get_params(deep=False).items())[:200]}
    except (AttributeError, TypeError, ValueError):
        return {}


def _signature(obj: Any) -> dict[str, Any] | None:
    try:
        count = getattr(obj, "n_features_in_", None)
    except AttributeError:
        return None
    if count is None:
        return None
    names = getattr(obj, "feature_names_in_", None)
    column: dict[str, Any] = {"name": "x", "shape": [None, int(count)], "dtype": "float64"}
    if names is not None:
        column["columns"] = [str(name) for name in names]
    return {"inputs": [column], "outputs": []}


def _stable(data: bytes) -> bytes:
    """The same estimator as the same bytes: skops names its parts by address in memory and writes the time."""
    with zipfile.ZipFile(io.BytesIO(data)) as source:
        schema = json.loads(source.read("schema.json"))
        ids: dict[int, int] = {}
        names: dict[str, str] = {}
        schema = _renumber(schema, ids, names)
        target = io.BytesIO()
        with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
            _write(archive, "schema.json", json.dumps(schema, indent=2).encode())
            for old, new in names.items():
                _write(archive, new, source.read(old))
            for name in sorted(set(source.namelist()) - {"schema.json"} - set(names)):
                _write(archive, name, source.read(name))
    return target.getvalue()


def _write(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    archive.writestr(zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0)), data)


def _renumber(node: Any, ids: dict[int, int], names: dict[str, str]) -> Any:
    if isinstance(node, list):
        return [_renumber(item, ids, names) for item in node]
    if not isinstance(node, dict):
        return node
    is_part = "__loader__" in node
    made: dict[str, Any] = {}
    for key, value in node.items():
        if is_part and key == "__id__" and isinstance(value, int):
            made[key] = ids.setdefault(value, len(ids) + 1)
        elif is_part and key == "file" and isinstance(value, str) and re.fullmatch(r"[\w-]+\.(npy|npz|bin)", value):
            made[key] = names.setdefault(value, f"{len(names) + 1}.{value.rpartition('.')[2]}")
        else:
            made[key] = _renumber(value, ids, names)
    return made
