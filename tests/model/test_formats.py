"""The formats that need no deep learning framework."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

from jupyterlab_dsp.errors import InvalidInput, UnsafeFormat
from jupyterlab_dsp.model.formats import choose_format
from jupyterlab_dsp.model.pickle_format import PickleFormat
from jupyterlab_dsp.model.sklearn_format import SklearnFormat
from jupyterlab_dsp.model.torch_format import TorchFormat
from jupyterlab_dsp.model.xgboost_format import XgboostFormat
from jupyterlab_dsp.testing.format_suite import FormatSuite

HAS_TORCH = importlib.util.find_spec("torch") is not None
HAS_SKLEARN = importlib.util.find_spec("sklearn") is not None and importlib.util.find_spec("skops") is not None
HAS_XGBOOST = importlib.util.find_spec("xgboost") is not None


def digits() -> tuple[Any, Any]:
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    return x[:200], y[:200]


class Own:
    """Somebody's own model."""

    def __init__(self, weight: float) -> None:
        self.weight = weight

    def predict(self, x: float) -> float:
        return self.weight * x


class TestPickle(FormatSuite):
    is_unsafe = True

    @pytest.fixture
    def format(self) -> PickleFormat:
        return PickleFormat()

    @pytest.fixture
    def model(self) -> Own:
        return Own(2.0)

    def same(self, first: Own, second: Own) -> bool:
        return first.predict(3.0) == second.predict(3.0)

    def test_unpicklable_is_invalid_input(self, format: PickleFormat, tmp_path: Path) -> None:
        with pytest.raises(InvalidInput, match="cannot be pickled"):
            format.save((each for each in ()), tmp_path)


@pytest.mark.skipif(not HAS_SKLEARN, reason="scikit-learn or skops is not installed")
class TestSklearn(FormatSuite):
    @pytest.fixture
    def format(self) -> SklearnFormat:
        return SklearnFormat()

    @pytest.fixture(params=["forest", "pipeline", "search"])
    def model(self, request: pytest.FixtureRequest) -> Any:
        from sklearn.ensemble import RandomForestClassifier
        from sklearn.linear_model import LogisticRegression
        from sklearn.model_selection import GridSearchCV
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        x, y = digits()
        if request.param == "forest":
            return RandomForestClassifier(10, random_state=0).fit(x, y)
        pipeline = make_pipeline(StandardScaler(), LogisticRegression(max_iter=50, tol=1))
        if request.param == "pipeline":
            return pipeline.fit(x, y)
        return GridSearchCV(pipeline, {"logisticregression__C": [0.1, 1.0]}, cv=2).fit(x, y)

    def same(self, first: Any, second: Any) -> bool:
        x, _ = digits()
        return bool((first.predict_proba(x) == second.predict_proba(x)).all())

    def test_signature_names_the_columns(self, format: SklearnFormat, tmp_path: Path) -> None:
        from sklearn.linear_model import LinearRegression

        x, y = digits()
        saved = format.save(LinearRegression().fit(x, y), tmp_path)
        assert saved.signature is not None
        assert saved.signature["inputs"][0]["shape"] == [None, 64]

    def test_unfitted_is_refused(self, format: SklearnFormat, tmp_path: Path) -> None:
        from sklearn.linear_model import LinearRegression

        with pytest.raises(InvalidInput, match="not been fitted"):
            format.save(LinearRegression(), tmp_path)

    def test_own_class_is_unsafe_and_says_which(self, format: SklearnFormat, tmp_path: Path) -> None:
        from sklearn.preprocessing import FunctionTransformer

        model = FunctionTransformer(own_function).fit([[1.0]])
        (tmp_path / "a").mkdir()
        saved = format.save(model, tmp_path / "a")
        assert saved.unsafe_reason is not None
        assert "own_function" in saved.unsafe_reason
        (tmp_path / "b").mkdir()
        assert isinstance(saved.files[0].source, bytes)
        (tmp_path / "b" / saved.files[0].path).write_bytes(saved.files[0].source)
        with pytest.raises(UnsafeFormat, match="own_function"):
            format.load(tmp_path / "b", facts=saved.facts, allow_unsafe=False)
        loaded: Any = format.load(tmp_path / "b", facts=saved.facts, allow_unsafe=True)
        assert loaded.transform([[2.0]]) == [[4.0]]


def own_function(x: Any) -> Any:
    return [[2 * value for value in row] for row in x]


@pytest.mark.skipif(not (HAS_XGBOOST and HAS_SKLEARN), reason="XGBoost or scikit-learn is not installed")
class TestXgboost(FormatSuite):
    @pytest.fixture
    def format(self) -> XgboostFormat:
        return XgboostFormat()

    @pytest.fixture(params=["XGBClassifier", "XGBRegressor", "Booster"])
    def model(self, request: pytest.FixtureRequest) -> Any:
        import xgboost

        x, y = digits()
        if request.param == "Booster":
            return xgboost.train({"max_depth": 2}, xgboost.DMatrix(x, y), 3)
        return getattr(xgboost, request.param)(n_estimators=3, max_depth=2).fit(x, y)

    def same(self, first: Any, second: Any) -> bool:
        import xgboost

        x, _ = digits()
        data = xgboost.DMatrix(x) if isinstance(first, xgboost.Booster) else x
        return bool((first.predict(data) == second.predict(data)).all())

    def test_unfitted_is_refused(self, format: XgboostFormat, tmp_path: Path) -> None:
        import xgboost

        with pytest.raises(InvalidInput, match="not been fitted"):
            format.save(xgboost.XGBClassifier(), tmp_path)


@pytest.mark.torch
@pytest.mark.skipif(not HAS_TORCH, reason="PyTorch is not installed (extra 'torch')")
class TestTorch(FormatSuite):
    is_stable = False

    @pytest.fixture
    def format(self) -> TorchFormat:
        return TorchFormat()

    @pytest.fixture
    def model(self) -> Any:
        import torch

        return torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 2))

    def same(self, first: Any, second: Any) -> bool:
        import torch

        x = torch.ones(3, 4)
        return bool(torch.equal(first(x), second(x)))


@pytest.mark.torch
@pytest.mark.skipif(not HAS_TORCH, reason="PyTorch is not installed (extra 'torch')")
class TestTorchOwnClass(TestTorch):
    is_unsafe = True

    @pytest.fixture
    def model(self) -> Any:
        from torch_module import Net

        return Net()


@pytest.mark.torch
@pytest.mark.skipif(not HAS_TORCH, reason="PyTorch is not installed (extra 'torch')")
class TestTorchScript(TestTorch):
    @pytest.fixture
    def model(self) -> Any:
        import torch

        return torch.jit.script(torch.nn.Sequential(torch.nn.Linear(4, 2), torch.nn.ReLU()))


@pytest.mark.skipif(not (HAS_XGBOOST and HAS_SKLEARN), reason="XGBoost or scikit-learn is not installed")
def test_choose_prefers_the_nearest_format() -> None:
    import xgboost
    from sklearn.linear_model import LinearRegression

    assert choose_format(xgboost.XGBClassifier()).name == "xgboost"
    assert choose_format(LinearRegression()).name == "sklearn"
    assert choose_format(Own(1.0)).name == "pickle"
