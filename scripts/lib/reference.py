"""The pages of docs/reference/, made from the table of operations, the errors, the settings and the plug-ins."""

from __future__ import annotations

import importlib
import tomllib
from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from jupyterlab_dsp import errors, plugins
from jupyterlab_dsp.cli.commands import Command, areas, commands, short_forms
from jupyterlab_dsp.cli.help import command_help, example
from jupyterlab_dsp.contract.openapi import PREFIX
from jupyterlab_dsp.contract.operations import AREAS, OPERATIONS, Operation
from jupyterlab_dsp.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
NOTE = "<!-- Made by scripts/generate: change the code, not this page. -->\n"

#: why an operation has no command of its own
WITHOUT_COMMAND = {
    "train.submit": "needs the cells of a notebook: `%%dsp train`",
    "train.curves": "for plots; `dsp train show` prints the last values",
    "train.file": "answers with bytes; `dsp.load` and the panel use it",
    "train.prove": "needs the cells of a notebook: `%dsp export --prove`",
    "model.resolve": "what `model@ref` in other commands does",
    "model.file": "answers with bytes",
    "model.download": "answers with bytes; `dsp.load` loads the model itself",
    "model.plan-export": "the first half of `%dsp export`",
    "model.export": "needs the cells of a notebook: `%dsp export`",
}


def pages() -> dict[str, str]:
    """Path below the root to the text of the page."""
    made = {
        "operations": operations(),
        "cli": cli(),
        "errors": error_codes(),
        "settings": settings(),
        "plugins": plugin_kinds(),
        "events": events(),
    }
    return {f"docs/reference/{name}.md": f"{NOTE}\n{text.strip()}\n" for name, text in made.items()}


def table(head: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """A Markdown table."""
    heads = list(head)
    lines = [f"| {' | '.join(heads)} |", f"|{'|'.join(' --- ' for _ in heads)}|"]
    lines += [f"| {' | '.join(_cell(value) for value in row)} |" for row in rows]
    return "\n".join(lines)


def _cell(value: object) -> str:
    return str(value).replace("|", "\\|").replace("\n", " ")


def type_name(schema: dict[str, Any]) -> str:
    """A JSON schema in a few words."""
    if "$ref" in schema:
        return str(schema["$ref"].rsplit("/", 1)[1])
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(type_name(part) for part in schema["anyOf"]))
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if "const" in schema:
        return f"`{schema['const']}`"
    kind = schema.get("type", "any")
    if kind == "array":
        return f"list of {type_name(schema.get('items', {}))}"
    if kind == "object" and isinstance(schema.get("additionalProperties"), dict):
        return f"map to {type_name(schema['additionalProperties'])}"
    return str(schema.get("format") or kind)


def fields_table(model: type[BaseModel]) -> str:
    """Name, type, default and meaning of each field."""
    schema = model.model_json_schema()
    required = schema.get("required", [])
    return table(
        ("field", "type", "default", "meaning"),
        (
            (
                f"`{name}`",
                type_name(value),
                "required" if name in required else f"`{value['default']!r}`" if "default" in value else "",
                value.get("description", ""),
            )
            for name, value in schema.get("properties", {}).items()
        ),
    )


def operations() -> str:
    """What the HTTP interface offers."""
    lines = [
        "# Operations\n",
        f"Every route lies below `{PREFIX}` and needs the server's token. A request with an unknown field is refused",
        "with `invalid_input`; every error has the shape `{code, message, hint, details}`, see [errors](errors.md).",
        "The machine-readable form is `openapi.json`, in the package and below the same prefix.\n",
    ]
    for area in AREAS:
        lines.append(f"## {area}\n")
        for operation in (operation for operation in OPERATIONS if operation.area == area):
            lines += _operation(operation)
    return "\n".join(lines)


def _operation(operation: Operation) -> Iterator[str]:
    yield f"### {operation.id}\n"
    answer = "bytes" if operation.is_binary else f"`{operation.response.__name__}`"
    yield f"`{operation.method} {operation.path}`: {operation.summary}\n"
    command = (
        f"`dsp {commands()[operation.area, operation.verb].words}`"
        if operation.cli
        else "none, it " + WITHOUT_COMMAND[operation.id]
    )
    yield f"Needs the permission `{operation.permission}`. Answers {operation.status} with {answer}. CLI: {command}.\n"
    if operation.request.model_fields:
        yield fields_table(operation.request) + "\n"


def cli() -> str:
    """What can be typed, as the parser itself explains it."""
    lines = [
        "# Commands\n",
        "`dsp <area> <verb> ...` in a shell and `%dsp <area> <verb> ...` in a notebook are one parser; what follows is",
        "what `--help` prints. `--json` prints the answer as JSON; in a notebook `-o name` puts it into a variable.\n",
        table(
            ("short form", "stands for"), ((f"`dsp {word}`", f"`dsp {to.words}`") for word, to in short_forms().items())
        ),
        "",
    ]
    for area in areas():
        found = [command for command in commands().values() if command.area == area]
        lines += [
            f"## {area}\n",
            table(("command", "what it does"), ((_link(each), each.summary) for each in found)),
            "",
        ]
        for command in found:
            lines += [f"### dsp {command.words}\n", f"```text\n{command_help(command, 'shell')}\n```\n"]
            if command.notebook_example:
                lines += [f"In a notebook: `{example(command, 'notebook')}`\n"]
    return "\n".join(lines)


def _link(command: Command) -> str:
    default = " (the default)" if command.is_default else ""
    return f"[dsp {command.words}](#dsp-{command.area}-{command.verb}){default}"


def error_codes() -> str:
    """The tree of errors."""

    def walk(cls: type[errors.DspError]) -> Iterator[type[errors.DspError]]:
        yield cls
        for child in cls.__subclasses__():
            if child.__module__ == errors.__name__:
                yield from walk(child)

    rows = (
        (f"`{cls.code}`", cls.http_status, f"`{cls.__name__}`", _first(cls.__doc__)) for cls in walk(errors.DspError)
    )
    return (
        "# Errors\n\nEach error has a stable code, a sentence for the user, often a hint, and details; where one\n"
        "input field is at fault, `details.field` names it.\n\n" + table(("code", "HTTP", "in Python", "means"), rows)
    )


def _first(doc: str | None) -> str:
    return " ".join((doc or "").strip().split("\n\n")[0].split())


def settings() -> str:
    """Each setting."""
    rows = []
    for name, info in Settings.model_fields.items():
        default = info.get_default(call_default_factory=False) if info.default_factory is None else None
        nested = isinstance(default, BaseModel)
        variable = f"`DSP_{name.upper()}__PLUGIN`, `..__CONFIG`" if nested else f"`DSP_{name.upper()}`"
        if isinstance(default, BaseModel):
            shown = f"`{default.model_dump(exclude_defaults=True)}`"
        else:
            shown = "the folder `dsp` in the Jupyter data directory" if default is None else f"`{default!r}`"
        rows.append((f"`{name}`", variable, shown, info.description or ""))
    return (
        "# Settings\n\nA setting stands in `settings.toml` in the home (or in the file that `DSP_SETTINGS` names)\n"
        "or in the environment, which wins.\n\n" + table(("setting", "environment", "default", "effect"), rows)
    )


def plugin_kinds() -> str:
    """Kinds, built-ins and their options."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = [
        "# Plug-ins\n",
        "A plug-in is a class behind an entry point of the group `jupyterlab_dsp.<kind>`. The built-ins come in by the",
        "same door as those of third parties; `jupyterlab_dsp.testing` holds the suite that each kind must pass.\n",
    ]
    for kind in plugins.KINDS:
        lines += [f"## {kind}\n"]
        for name, target in project["entry-points"].get(f"jupyterlab_dsp.{kind}", {}).items():
            module, attribute = target.split(":")
            if find_spec(module) is None:
                lines += [f"### {name}\n", "Not built yet.\n"]
                continue
            cls = getattr(importlib.import_module(module), attribute)
            lines += [f"### {name}\n", f"{_first(cls.__doc__)}\n"]
            config = getattr(cls, "Config", None)
            if config is not None and config.model_fields:
                lines += [fields_table(config) + "\n"]
    return "\n".join(lines)


def events() -> str:
    """What the server tells the browser."""
    from jupyterlab_dsp.contract.system import RecordChanged

    return (
        "# Events\n\nThe server half tells the browser by Jupyter's own event channel (jupyter-events, "
        "`/api/events/subscribe`)\nthat a record changed; whoever shows it reads it again.\n\n## RecordChanged\n\n"
        + fields_table(RecordChanged)
    )
