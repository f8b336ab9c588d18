"""All commands: one for each operation that has a command line form, and the few that are more than one operation."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any, Literal

from ..contract.operations import BY_ID, OPERATIONS, SHORT_FORMS, Operation

#: where words are typed: a few commands take other arguments in a notebook, which knows its own cells
Where = Literal["shell", "notebook"]


@dataclass(frozen=True)
class Command:
    """One ``<area> <verb>``.

    operation: the one that it calls, where it is a plain one.
    module: else the module below ``cli`` with ``add_arguments(parser, where)`` and ``run(values, session)``.
    example: what is typed after ``dsp``; ``notebook_example`` where it differs there.
    """

    area: str
    verb: str
    summary: str
    example: str
    operation: Operation | None = None
    module: str | None = None
    is_default: bool = False
    notebook_example: str = ""

    @property
    def words(self) -> str:
        return f"{self.area} {self.verb}"

    def implementation(self) -> Any:
        """The module of a hand-written command."""
        return import_module(f".{self.module}", __package__)

    def add_arguments(self, parser: argparse.ArgumentParser, where: Where) -> None:
        """Make argparse know what the command takes."""
        if self.operation is None:
            self.implementation().add_arguments(parser, where)
            return
        from .options import options_of

        for option in options_of(self.operation, self.form):
            option.add_to(parser)

    @property
    def form(self) -> Any:
        assert self.operation is not None
        return _FORMS.get(self.words) or self.operation.cli

    @property
    def runner(self) -> Callable[[argparse.Namespace, Any], Any]:
        """What does it."""
        if self.operation is None:
            return self.implementation().run  # type: ignore[no-any-return]
        from .call import run_operation

        return lambda values, session: run_operation(self, values, session)


#: what a person types for a field, in examples
_SAMPLES = {"run_id": "last", "model": "digits", "name": "digits", "version": "2", "alias": "production"}
_SAMPLES |= {"refs": "digits@1 digits@2", "metric": "val_accuracy"}
_EXAMPLES = {
    "train.list": 'train list --filter "val_accuracy > 0.95" --sort metrics.val_accuracy',
    "train.retry": "train retry last -p units=128",
    "train.annotate": 'train annotate last --message "first try" --tag stage=nightly',
    "model.describe": 'model describe digits --description "handwritten digits" --headline val_accuracy',
    "model.annotate": "model annotate digits 2 --tag reviewed=yes",
    "model.purge": "model purge digits --dry-run",
    "model.fsck": "model fsck --no-read",
}

#: operations that are typed under a second name too
_ALSO = {"model compare": "train.compare"}
_FORMS: dict[str, Any] = {}

_HAND_WRITTEN = (
    Command(
        "train", "submit", "Train a cell and the earlier cells that it needs, in a fresh process.",
        "train submit digits.ipynb --cell 4 --name digits -p lr=1e-3 --wait", module="train_submit", is_default=True,
        notebook_example="train --name digits -p units=64 -p lr=1e-3 -o model",
    ),
    Command(
        "train", "watch", "Follow a run until it ends. Ctrl-C stops the watching, not the run.",
        "train watch last", module="train_watch",
    ),
    Command(
        "model", "export", "Export the untrained model to the versioned store, and say what changed.",
        'model export digits.ipynb digits -m "wider layer" --prove', module="model_export",
        notebook_example='export digits -m "wider layer" --prove',
    ),
    Command(
        "model", "load", "Check that a version loads; in a notebook, bring it in.",
        "model load digits@production", module="model_load", notebook_example="load digits@production -o model",
    ),
    Command(
        "model", "download", "Write a version to disk as one zip file.",
        "model download digits@production --to digits.zip", module="model_download",
    ),
)  # fmt: skip


@cache
def commands() -> dict[tuple[str, str], Command]:
    """All commands by area and verb, in the order of the table."""
    made = list(_from_table())
    for words, operation_id in _ALSO.items():
        area, verb = words.split()
        operation = BY_ID[operation_id]
        made.append(Command(area, verb, operation.summary, f"{words} digits@1 digits@2", operation))
    made += _HAND_WRITTEN
    return {(command.area, command.verb): command for command in made}


def _from_table() -> Iterator[Command]:
    for operation in OPERATIONS:
        if operation.cli is not None:
            required = operation.request.model_fields
            words = [operation.area, operation.verb]
            words += [_SAMPLES.get(n, n.upper()) for n in operation.cli.positional if required[n].is_required()]
            example = _EXAMPLES.get(operation.id) or " ".join(words)
            yield Command(
                operation.area, operation.verb, operation.summary, example, operation, is_default=operation.cli.default
            )


def areas() -> list[str]:
    """Areas in which something can be typed."""
    return list(dict.fromkeys(area for area, _ in commands()))


def verbs(area: str) -> list[str]:
    """What can be typed after the area."""
    return [verb for known, verb in commands() if known == area]


def default_of(area: str) -> Command | None:
    """The command of an area for which no verb is typed."""
    return next((command for command in commands().values() if command.area == area and command.is_default), None)


def short_forms() -> dict[str, Command]:
    """Words that stand for an area and a verb."""
    return {word: commands()[words] for word, words in SHORT_FORMS.items() if words in commands()}
