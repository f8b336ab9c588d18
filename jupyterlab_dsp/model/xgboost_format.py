"""XGBoost models in XGBoost's own UBJSON: safe to load, and readable by every later XGBoost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..errors import Corrupt, ExtraMissing, InvalidInput
from .formats import NoOptions, class_name, is_instance_of
from .plugin import Saved, SavedFile

_FILE = "model.ubj"
_CLASSES = frozenset(
    ("Booster", "XGBModel", "XGBClassifier", "XGBRegressor", "XGBRanker", "XGBRFClassifier", "XGBRFRegressor")
)


class XgboostFormat:
    """Boosters and the scikit-learn-like classes of XGBoost."""

    name = "xgboost"
    label = "XGBoost"
    package = "xgboost"
    priority = 50
    Config = NoOptions

    def __init__(self, config: NoOptions | None = None) -> None:
        self.config = config or NoOptions()

    def handles(self, obj: object) -> bool:
        return is_instance_of(obj, "xgboost", _CLASSES)

    def save(self, obj: Any, folder: Path) -> Saved:
        import xgboost

        kind = _kind(obj)
        try:
            obj.save_model(str(folder / _FILE))
            booster = obj if kind == "Booster" else obj.get_booster()
        except Exception as error:
            # NotFittedError is scikit-learn's where that is installed, and XGBoost's own otherwise
            if "fit" in str(error).lower():
                raise InvalidInput(
                    f"This {kind} has not been fitted yet.", hint="Fit it, then save it.", field="model"
                ) from error
            raise
        facts: dict[str, Any] = {
            "class": class_name(obj),
            "kind": kind,
            "rounds": booster.num_boosted_rounds(),
            "xgboost_version": xgboost.__version__,
        }
        if booster.feature_names:
            facts["features"] = list(booster.feature_names)[:1000]
        modules = ["xgboost"] if kind == "Booster" else ["xgboost", "sklearn"]
        signature = {
            "inputs": [{"name": "x", "shape": [None, booster.num_features()], "dtype": "float32"}],
            "outputs": [],
        }
        return Saved(files=[SavedFile(_FILE, folder / _FILE)], facts=facts, signature=signature, modules=modules)

    def load(self, folder: Path, *, facts: dict[str, Any], allow_unsafe: bool) -> object:
        try:
            import xgboost
        except ModuleNotFoundError as error:
            raise ExtraMissing.of("xgboost", "xgboost") from error
        kind = facts.get("kind", "Booster")
        if kind not in _CLASSES:
            raise Corrupt(f"'{kind}' is no class of XGBoost.")
        try:
            model = getattr(xgboost, kind)()
        except ImportError as error:  # its scikit-learn-like classes need scikit-learn
            raise ExtraMissing.of("scikit-learn", "sklearn") from error
        try:
            model.load_model(str(folder / _FILE))
        except (xgboost.core.XGBoostError, OSError, ValueError) as error:
            raise Corrupt(f"XGBoost {xgboost.__version__} cannot read this version: {str(error)[:300]}") from error
        return model

    def code(self, folder_expr: str) -> str:
        return (
            "from pathlib import Path\n\nimport xgboost\n\n"
            "model = xgboost.Booster()  # or the class that facts.kind names, for example XGBClassifier\n"
            f'model.load_model(Path({folder_expr}) / "{_FILE}")\n'
        )


def _kind(obj: object) -> str:
    """The nearest class that XGBoost itself brings; a subclass's own attributes are not kept."""
    for cls in type(obj).__mro__:
        if cls.__name__ in _CLASSES and cls.__module__.partition(".")[0] == "xgboost":
            return cls.__name__
    raise InvalidInput(f"A {class_name(obj)} is no model of XGBoost.", field="model")
