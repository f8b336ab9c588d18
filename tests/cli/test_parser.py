"""Every operation with a command line form can be typed, and what is mistyped is answered with one sentence."""

from __future__ import annotations

import pytest

from jupyterlab_dsp.cli.commands import Command, commands
from jupyterlab_dsp.cli.help import command_help, help_text
from jupyterlab_dsp.cli.options import options_of, request_of
from jupyterlab_dsp.cli.parser import parse, split
from jupyterlab_dsp.cli.usage import UsageProblem
from jupyterlab_dsp.contract.operations import BY_ID, OPERATIONS
from jupyterlab_dsp.platform import check

EVERY = list(commands().values())


def words_of(command: Command) -> str:
    return command.words


def test_every_operation_with_a_form_is_a_command() -> None:
    typed = {(operation.area, operation.verb) for operation in OPERATIONS if operation.cli is not None}
    assert typed <= set(commands())


@pytest.mark.parametrize("where", ["shell", "notebook"])
@pytest.mark.parametrize("command", EVERY, ids=words_of)
def test_help_explains_every_argument_and_shows_an_example(command: Command, where: str) -> None:
    text = command_help(command, where)
    assert command.summary in text
    assert "Example:\n" in text
    if command.operation:
        for option in options_of(command.operation, command.form):
            shown = option.field.upper() if option.is_positional else option.flag
            assert shown in text
            assert option.description, f"{command.words}: '{option.field}' has no description"


@pytest.mark.parametrize("command", EVERY, ids=words_of)
def test_the_example_can_be_typed(command: Command) -> None:
    parsed = parse(split(command.example), "shell")
    assert parsed.command == command
    assert parsed.values is not None
    if command.operation and command.operation.request.__name__ not in ("OneRun", "RetryRun", "AnnotateRun", "ReadLog"):
        check(command.operation.request, request_of(options_of(command.operation, command.form), parsed.values))


@pytest.mark.parametrize("command", [c for c in EVERY if c.notebook_example], ids=words_of)
def test_the_example_for_notebooks_can_be_typed_there(command: Command) -> None:
    parsed = parse(split(command.notebook_example), "notebook")
    assert parsed.command == command
    assert parsed.values is not None


@pytest.mark.parametrize(
    ("line", "message", "hint"),
    [
        ("trian list", "There is no command 'trian'.", "Did you mean 'train'?"),
        ("exprot x", "There is no command 'exprot'.", "Did you mean 'export'?"),
        ("train lst", "There is no verb 'train lst'.", "Did you mean 'train list'?"),
        ("model prom digits", "There is no verb 'model prom'.", "Did you mean 'model promote'?"),
        ("train list --limt 3", "There is no option '--limt'.", "Did you mean '--limit'?"),
        ("train list --limt=3", "There is no option '--limt'.", "Did you mean '--limit'?"),
        ("train list --limit x", "--limit: 'x' is no whole number.", "train list --help"),
        ("train list --limit", "--limit: a value is missing.", "train list --help"),
        ("train list --order up", "--order: 'up' is none of asc, desc.", "train list --help"),
        ("train list digits", "'digits' is one word too many.", "train list --help"),
        ("train show", "Missing: RUN_ID.", "train show --help"),
        ("train show a b", "'b' is one word too many.", "train show --help"),
        ("--verbose", "There is no option '--verbose'.", "--version"),
        ("cluster", "There is no command 'cluster'.", "Known: system, train, model"),
        ("train submit a.ipynb --memory lots", "--memory: 'lots' is no size.", "train submit --help"),
    ],
)
def test_mistyped_words_get_one_sentence_and_the_nearest_right_one(line: str, message: str, hint: str) -> None:
    with pytest.raises(UsageProblem) as caught:
        parse(split(line), "shell")
    assert message.removesuffix(".") in caught.value.message
    assert caught.value.message.count("\n") == 0
    assert hint in (caught.value.hint or caught.value.message)


def test_an_open_quotation_mark_is_named() -> None:
    with pytest.raises(UsageProblem, match="quotation mark"):
        split('train list --filter "a')


def test_request_has_only_what_was_typed() -> None:
    parsed = parse(split('train list --filter "a > 1" --sort a --order asc --limit 3 --count'), "shell")
    assert parsed.command is not None
    assert parsed.values is not None
    options = options_of(BY_ID["train.list"], parsed.command.form)
    assert request_of(options, parsed.values) == {
        "filter": "a > 1", "sort": "a", "order": "asc", "limit": 3, "count": True,
    }  # fmt: skip


def test_parameters_and_tags_are_pairs() -> None:
    parsed = parse(split("train retry last -p lr=1e-3 -p units=64 -p name=x -p flags=[1,2] -p drop=None"), "shell")
    assert parsed.command is not None
    assert parsed.values is not None
    request = request_of(options_of(BY_ID["train.retry"], parsed.command.form), parsed.values)
    assert request["params"] == {"lr": 1e-3, "units": 64, "name": "x", "flags": [1, 2], "drop": None}
    parsed = parse(split("model annotate digits 2 --tag a=1 --tag b=x=y"), "shell")
    assert parsed.values is not None
    assert request_of(options_of(BY_ID["model.annotate"], BY_ID["model.annotate"].cli), parsed.values)["tags"] == {  # type: ignore[arg-type]
        "a": "1", "b": "x=y",
    }  # fmt: skip


def test_a_version_can_be_one_word() -> None:
    parsed = parse(split("model version digits@production"), "shell")
    assert parsed.values is not None
    assert (parsed.values.model, parsed.values.version) == ("digits", "production")


def test_flags_that_are_on_by_default_can_be_turned_off() -> None:
    parsed = parse(split("model fsck --no-read"), "shell")
    assert parsed.values is not None
    assert parsed.values.read is False


@pytest.mark.parametrize("line", ["", "?", "help", "--help", "-h", "train ?", "help train", "train show ?", "export?"])
def test_questions_are_answered_with_help(line: str) -> None:
    parsed = parse(split(line), "notebook")
    assert parsed.values is None
    assert "%dsp" in help_text(parsed, "notebook")


def test_o_names_a_variable() -> None:
    assert parse(split("train list -o rows"), "notebook").output == "rows"
    with pytest.raises(UsageProblem, match="no variable name"):
        parse(split("train list -o 3x"), "notebook")
    with pytest.raises(UsageProblem, match="no option '-o'"):
        parse(split("train list -o rows"), "shell")
