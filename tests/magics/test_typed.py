"""``%dsp`` in a real shell: answers as values, errors as one line, cells that fail."""

from __future__ import annotations

import json
from typing import Any

import pytest

from jupyterlab_dsp.errors import DspError, InvalidInput, NotFound


def run(shell: Any, cell: str) -> Any:
    """The value of a cell; raises what the cell raises."""
    result = shell.run_cell(cell, store_history=True)
    result.raise_error()
    return result.result


def fails(shell: Any, capsys: pytest.CaptureFixture[str], cell: str) -> tuple[BaseException, str]:
    """The error of a cell, and what was printed of it."""
    capsys.readouterr()
    result = shell.run_cell(cell, store_history=True)
    assert not result.success
    return result.error_in_exec, capsys.readouterr().out


def test_dsp_alone_lists_what_there_is(shell: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(shell, "%dsp") is None
    assert "%dsp <area> [verb]" in capsys.readouterr().out


def test_answers_are_values_with_text_and_html(shell: Any) -> None:
    answer = run(shell, "%dsp system")
    assert answer.user == "tester"
    assert "user     tester" in repr(answer)
    assert "<table>" in answer._repr_html_()
    assert len(run(shell, "%dsp train list")) == 0
    assert list(run(shell, "rows = %dsp train list\nlist(rows)")) == []


def test_o_binds_the_answer_and_shows_nothing(shell: Any) -> None:
    assert run(shell, "%dsp model list -o models") is None
    assert shell.user_ns["models"].items == []


def test_json_is_printed(shell: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(shell, "%dsp system --json") is None
    assert json.loads(capsys.readouterr().out)["user"] == "tester"


def test_variables_are_expanded(shell: Any, capsys: pytest.CaptureFixture[str]) -> None:
    run(shell, "name = 'nothing'")
    error, _ = fails(shell, capsys, "%dsp model show {name}")
    assert "'nothing'" in str(error)
    error, _ = fails(shell, capsys, "%dsp model show $name")
    assert "'nothing'" in str(error)


@pytest.mark.parametrize(
    ("cell", "kind", "says", "hint"),
    [
        ("%dsp trian", InvalidInput, "There is no command 'trian'.", "Did you mean 'train'?"),
        ("%dsp model show nothing", NotFound, "There is no model 'nothing'.", ""),
        ("%dsp model show 'x", InvalidInput, "A quotation mark is not closed.", ""),
        ("%dsp train", InvalidInput, "There is no cell to train.", "%%dsp train --name NAME"),
        ("%%dsp model list\nx = 1", InvalidInput, "'model list' takes no cell.", "%dsp model list"),
        ("%%dsp train\nx = 1", InvalidInput, "The run needs a name", "the model that it trains"),
        ("%%dsp train --name x --send nothing\nx = 1", InvalidInput, "There is no variable 'nothing'.", ""),
        ("%%dsp train --name x -p y=2\nx = 1", InvalidInput, "There is no parameter 'y'.", ""),
        ("%%dsp train --name x -o m --no-store\nm = 1", InvalidInput, "with --no-store there is none", ""),
        ("%%dsp train --name x\nx = undefined_name", InvalidInput, "'undefined_name'", "--send"),
        ("%dsp train show last", NotFound, "There is no run yet.", "%%dsp train"),
    ],
)
def test_errors_are_one_red_line_and_a_hint(
    shell: Any, capsys: pytest.CaptureFixture[str], cell: str, kind: type, says: str, hint: str
) -> None:
    error, printed = fails(shell, capsys, cell)
    assert isinstance(error, kind)
    assert isinstance(error, DspError)
    assert says in error.message
    assert hint in (error.hint or "")
    assert "Traceback" not in printed
    assert f"\x1b[31m{error.message}\x1b[0m" in printed
    assert len(printed.strip().splitlines()) <= 2


def test_the_extension_can_be_reloaded(shell: Any) -> None:
    before = len(shell.Completer.custom_matchers)
    shell.run_line_magic("reload_ext", "jupyterlab_dsp")
    assert len(shell.Completer.custom_matchers) == before
    assert run(shell, "%dsp system").user == "tester"


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("%dsp tr", "train"),
        ("%dsp exp", "export"),
        ("%dsp train sh", "show"),
        ("%dsp train show la", "last"),
        ("%dsp train list --so", "--sort"),
        ("%dsp train list --order ", "asc"),
        ("%%dsp train --na", "--name"),
        ("rows = %dsp mod", "model"),
    ],
)
def test_tab_completes(shell: Any, line: str, offered: str) -> None:
    _, found = shell.complete(None, line, len(line))
    assert offered in found


def test_tab_completes_models_and_their_versions(shell: Any) -> None:
    from sklearn.dummy import DummyClassifier

    from jupyterlab_dsp import api

    model = DummyClassifier().fit([[0], [1]], [0, 1])
    api.save(model, "digits")
    api.platform().call("model.promote", {"model": "digits", "alias": "production", "version": 1})
    for line, offered in (
        ("%dsp load di", "digits"),
        ("%dsp load digits@pro", "production"),
        ("%dsp compare digits@", "digits@production"),
        ("%dsp model promote digits ", "latest"),
    ):
        _, found = shell.complete(None, line, len(line))
        assert offered in found, line


def test_load_binds_a_version(shell: Any, capsys: pytest.CaptureFixture[str]) -> None:
    from sklearn.dummy import DummyClassifier

    from jupyterlab_dsp import api

    api.save(DummyClassifier().fit([[0], [1]], [0, 1]), "digits")
    answer = run(shell, "%dsp load digits@1 -o model")
    assert repr(answer) == "model: digits@1, sklearn DummyClassifier"
    assert type(shell.user_ns["model"]).__name__ == "DummyClassifier"
    api.save({"any": "thing"}, "bag", format="pickle")
    error, _ = fails(shell, capsys, "%dsp load bag -o bag")
    assert error.code == "unsafe_format"  # type: ignore[attr-defined]
    run(shell, "%dsp load bag -o bag --allow-unsafe")
    assert shell.user_ns["bag"] == {"any": "thing"}


def test_completion_of_other_lines_is_untouched(shell: Any) -> None:
    from IPython.core.completer import provisionalcompleter

    shell.user_ns["some_variable"] = 1
    with provisionalcompleter():
        text = "%%dsp train --name x\nsome_var"
        assert "some_variable" in {found.text for found in shell.Completer.completions(text, len(text))}
        assert {found.text for found in shell.Completer.completions("%dsp train show ", 16)} == {"last"}
