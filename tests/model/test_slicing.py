"""Golden notebooks: what is part, what is not, and what is said about it."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyterlab_dsp.errors import CellNotRunnable, InvalidInput
from jupyterlab_dsp.model.slicing import CellSource, Slice, parameters, slice_cells
from jupyterlab_dsp.model.spec_module import to_module

DIGITS = [
    "import numpy as np\nimport keras\nimport matplotlib.pyplot as plt\n%matplotlib inline\n%load_ext jupyterlab_dsp",
    "from sklearn.datasets import load_digits\nfrom sklearn.model_selection import train_test_split",
    "np.random.seed(7)\nkeras.utils.set_random_seed(7)",
    "scale = 16\nunits = 64\nlr = 1e-3",
    "digits = load_digits()\nx = digits.data / scale\ny = digits.target",
    "plt.imshow(x[0].reshape(8, 8))\nplt.show()",
    "x_train, x_val, y_train, y_val = train_test_split(x, y)",
    "order = np.arange(len(x_train))\nnp.random.shuffle(order)",
    "x_train[x_train < 0] = 0",
    "old = keras.Sequential([keras.layers.Dense(units)])\nold.compile(loss='mse')\nh = old.fit(x_train, y_train)",
    "print(x_train.shape)\n!ls",
    "%%bash\necho 1",
    "%%dsp train --name digits -p units=3\n"
    "model = keras.Sequential([keras.Input((64,)), keras.layers.Dense(units, 'relu'), keras.layers.Dense(10)])\n"
    "model.compile(optimizer=keras.optimizers.Adam(lr), loss='sparse_categorical_crossentropy')\n"
    "model.fit(x_train, y_train, epochs=2, validation_data=(x_val, y_val))",
    "scale = 8",
]


def cells(*sources: str, run: bool = False) -> list[CellSource]:
    return [CellSource(f"c{n}", text, n, n + 1 if run else None) for n, text in enumerate(sources)]


def cut(*sources: str, target: int = -1, **options: object) -> Slice:
    numbered = cells(*sources)
    return slice_cells(numbered, numbered[target].id, **options)  # type: ignore[arg-type]


def numbers(piece: Slice) -> list[int]:
    return [cell.number for cell in piece.included]


def test_digits_slice_has_data_seeds_and_model_and_no_plots() -> None:
    notebook = cells(*DIGITS, run=True)
    piece = slice_cells(notebook, "c12")
    assert numbers(piece) == [1, 2, 3, 4, 5, 7, 9, 13]
    reasons = {cell.number: cell.reason for cell in piece.cells}
    assert reasons[3] == "sets the seed"
    assert reasons[6] == "only plots"
    assert reasons[9] == "changes x_train"
    assert reasons[10] == "not needed"
    assert reasons[12] == "a %%bash cell, not Python"
    assert reasons[14] == "below the target"
    assert "defines x_train" in reasons[7]
    assert piece.warnings == ("'scale' was changed in cell 14, run after cell 4: this uses the text of cell 4",)
    assert [each.name for each in parameters(piece)] == ["scale", "units", "lr"]
    compile(to_module(piece), "model.py", "exec")
    assert Slice.from_dict(piece.to_dict()) == piece


def test_job_gets_plain_python_with_the_same_line_numbers() -> None:
    piece = cut("%%dsp train --name a\n%matplotlib inline\n!pip install \\\n  keras\nx = 1\nif x:\n    %time y = x")
    text = piece.sources()[0].source
    assert text.split("\n")[4] == "x = 1"
    assert text.split("\n")[6] == "    y = x"
    assert [each.line for each in piece.included[0].dropped] == [1, 2, 3]
    compile(text, "cell", "exec")


def test_percent_inside_strings_and_continuations_is_left_alone() -> None:
    source = 'text = """\n%matplotlib inline\n!ls\n"""\ny = (5\n% 3)\nz = 7 \\\n% 4\nassert text.count("%") == 1'
    assert cut(source).sources()[0].source == source


@pytest.mark.parametrize(
    ("change", "is_needed"),
    [
        ("df.drop('a', inplace=True)", True),
        ("df.head()", False),
        ("df['n'] = 1", True),
        ("df.n += 1", True),
        ("del df['n']", True),
        ("clean(df)", True),
        ("np.random.shuffle(df)", True),
        ("plt.plot(df)", False),
        ("print(df)", False),
        ("len(df)", False),
        ("other = df.describe()", False),
        ("other = df\nother['n'] = 1", True),
        ("model.fit(df)", False),
        ("display(df)", False),
        ("_ = model.fit(df)", False),
    ],
)
def test_cells_that_may_change_an_object_are_part(change: str, is_needed: bool) -> None:
    piece = cut(
        "import numpy as np, pandas as pd\nimport matplotlib.pyplot as plt\nfrom lib import clean, Model",
        "df = pd.read_csv('x.csv')\nmodel = Model()",
        change,
        "total = df.sum()",
    )
    assert (3 in numbers(piece)) == is_needed


def test_training_of_the_model_is_part_of_what_uses_it() -> None:
    piece = cut(
        "import keras\nx = [[1.0]]",
        "model = keras.Sequential([keras.layers.Dense(1)])",
        "model.compile(loss='mse')",
        "history = model.fit(x, x)",
        "score = model.evaluate(x, x)",
        "best = model.predict(x)",
    )
    assert numbers(piece) == [1, 2, 3, 4, 6]


def test_functions_are_followed_into_their_bodies() -> None:
    piece = cut(
        "log = []", "def note(v):\n    log.append(v)", "note(1)", "def pure(v):\n    return v", "pure(log)", "n = log"
    )
    assert numbers(piece) == [1, 2, 3, 6]


def test_name_used_in_a_function_is_looked_up_when_it_is_called() -> None:
    piece = cut("rate = 1", "def f():\n    return rate", "rate = 2", "y = f()")
    assert numbers(piece) == [1, 2, 3, 4]


def test_unresolved_names_say_where_they_are() -> None:
    piece = cut("a = 1", "b = a + scale\nc = nowhere", "scale = 16", target=1)
    assert [each.message for each in piece.unresolved] == [
        "'scale', used in cell 2, line 1, is defined in cell 3, below.",
        "'nowhere', used in cell 2, line 2, is not defined in any earlier cell.",
    ]
    assert cut("b = df", given={"df"}).unresolved == ()
    assert "kernel only" in cut("b = df", kernel_names={"df"}).unresolved[0].message
    assert "deleted in cell 2" in cut("a = 1", "del a", "b = a").unresolved[0].message
    assert "not ticked" in cut("a = 1", "b = a", keep=["c1"]).unresolved[0].message
    assert "inside a notebook" in cut("b = _3").unresolved[0].message


def test_name_that_only_a_function_body_uses_is_a_warning() -> None:
    piece = cut("def f():\n    return missing", "y = f")
    assert not piece.unresolved
    assert "'missing'" in piece.warnings[0]


@pytest.mark.parametrize(
    ("source", "line", "word"),
    [
        ("a = 0\nfiles = !ls", 2, "shell"),
        ("files = %sql select 1", 1, "magic"),
        ("files = 1\n%run helper.py", 2, "Import"),
        ("files = 1\n%env A=1", 2, "os.environ"),
        ("%cd /tmp\nfiles = 1", 1, "paths"),
        ("files = await go()", 1, "async"),
    ],
)
def test_needed_cell_that_no_job_can_run_is_refused_with_its_line(source: str, line: int, word: str) -> None:
    with pytest.raises(CellNotRunnable) as caught:
        cut("go = 1", source, "n = len(files)")
    assert caught.value.details["line"] == line
    assert caught.value.details["cell_id"] == "c1"
    assert f"line {line}" in str(caught.value)
    assert word in str(caught.value)
    assert numbers(cut("go = 1", source, "n = 1")) == [3]


def test_name_from_another_language_or_job_is_refused() -> None:
    with pytest.raises(CellNotRunnable, match="comes from the magic in cell 1"):
        cut("%%bash --out listing\nls", "n = len(listing)")
    with pytest.raises(CellNotRunnable, match="training job of cell 1"):
        cut("%%dsp train --name a -o model\nmodel = 1", "n = model")
    with pytest.raises(CellNotRunnable, match=r"may come from cell 1, line 1"):
        cut("%run setup.py", "n = helper")
    with pytest.raises(CellNotRunnable, match=r"Cell 1, line 2 does not parse"):
        cut("x = 1\ny = = 2")
    with pytest.raises(InvalidInput, match="no code cell"):
        slice_cells(cells("a = 1"), "other")


def test_wrapping_magics_keep_their_body() -> None:
    piece = cut("%%time\n%%capture out\na = 1", "b = a")
    assert numbers(piece) == [1, 2]


def test_star_import_counts_as_defining_anything() -> None:
    piece = cut("from lib import *", "a = helper(1)")
    assert numbers(piece) == [1, 2]
    assert piece.included[0].reason == "may define names, by import * from lib"


def test_settings_of_imported_modules_are_part_and_others_are_not() -> None:
    piece = cut(
        "import os, torch, keras, warnings, logging",
        "os.environ['KERAS_BACKEND'] = 'jax'",
        "keras.mixed_precision.set_global_policy('mixed_float16')",
        "warnings.filterwarnings('ignore')\nlogging.basicConfig()",
        "model = keras.Sequential()",
    )
    assert numbers(piece) == [1, 2, 3, 5]
    piece = cut("import sklearn.svm", "import torch", "torch.manual_seed(1)", "m = sklearn.svm.SVC()")
    assert numbers(piece) == [1, 4]


def test_out_of_order_runs_are_told() -> None:
    notebook = [
        CellSource("a", "x = 1", 0, 5),
        CellSource("b", "y = x", 1, 2, "y = x + 1"),
        CellSource("c", "w = 3", 2, None),
        CellSource("d", "z = y + w", 3, 3),
    ]
    piece = slice_cells(notebook, "d")
    assert piece.warnings == (
        "cell 1 was run after cell 4, which needs it",
        "cell 2 was edited after it was run: this uses its text of now",
        "cell 3 was never run",
    )


def test_sent_name_that_a_cell_assigns_is_told() -> None:
    piece = cut("df = 1\nk = 2", "y = df + k", given={"df"})
    assert piece.warnings == ("'df' is sent along, but cell 1 assigns it",)


def test_chosen_cells_replace_the_data_flow() -> None:
    piece = cut("a = 1", "b = 2", "c = b", keep=["c0", "c1"])
    assert numbers(piece) == [1, 2, 3]
    assert piece.included[0].reason == "chosen by you"


def test_later_import_of_a_submodule_does_not_hide_the_earlier() -> None:
    piece = cut("import os.path", "import os", "import xml.dom\nimport xml.sax", "a = os.path, xml.dom")
    assert numbers(piece) == [1, 2, 3, 4]


def test_real_digits_give_the_same_model_as_the_whole_notebook() -> None:
    pytest.importorskip("sklearn")
    notebook = [
        "import numpy as np\nfrom sklearn.datasets import load_digits\nfrom sklearn.linear_model import SGDClassifier",
        "np.random.seed(3)",
        "digits = load_digits()\nx, y = digits.data / 16, digits.target",
        "order = np.random.permutation(len(x))",
        "summary = {k: int((y == k).sum()) for k in range(10)}\nprint(summary)",
        "x = x[order]\ny = y[order]",
        "x[x < 0.1] = 0",
        "def augment(a):\n    a[:, 0] = 1\n    return None",
        "augment(x)",
        "model = SGDClassifier(max_iter=5, tol=None)",
        "model.fit(x[:500], y[:500])",
        "result = model.coef_.tolist()",
    ]
    piece = cut(*notebook)
    assert numbers(piece) == [1, 2, 3, 4, 6, 7, 8, 9, 10, 11, 12]

    def run(sources: list[str]) -> object:
        space: dict[str, object] = {}
        for source in sources:
            exec(source, space)
        return space["result"]

    assert run([each.source for each in piece.sources()]) == run(notebook)


@given(st.lists(st.text(alphabet="abx=!%?'\"\\\n ()[]{}:.,#ifd\u00e4@\x00", max_size=40), min_size=1, max_size=5))
def test_no_text_breaks_the_slicer(sources: list[str]) -> None:
    try:
        piece = cut(*sources)
    except CellNotRunnable:
        return
    for cell in piece.included:
        assert cell.python.count("\n") == cell.source.count("\n")


def test_large_notebook_is_cut_quickly() -> None:
    body = "def f{0}(a):\n    return a + v{1}\nv{0} = f{0}(v{1})\nt{0} = [v{0}]\nt{0}.append(v{1})\nprint(t{0})"
    notebook = cells("v0 = [1]", *(body.format(n, n - 1) for n in range(1, 400)))
    start = time.perf_counter()
    piece = slice_cells(notebook, "c399")
    assert len(piece.included) == 400
    assert time.perf_counter() - start < 3
