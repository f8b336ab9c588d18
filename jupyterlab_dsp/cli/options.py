"""From the request type of an operation to what is typed, and back: no field name is written here a second time."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ..contract.operations import Cli, Operation, describe_input
from .usage import UsageProblem, unknown
from .values import parse_params, parse_tags

Schema = dict[str, Any]


class Parser(argparse.ArgumentParser):
    """argparse whose every complaint is a UsageProblem of one sentence. Help is ours (see ``help``)."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog=prog, add_help=False, allow_abbrev=False, exit_on_error=False)

    def read(self, words: list[str]) -> argparse.Namespace:
        """Parse. Raises UsageProblem."""
        try:
            values, rest = self.parse_known_args(words)
        except argparse.ArgumentError as error:
            raise UsageProblem(self._sentence(error), hint=f"Try: {self.prog} --help") from error
        if rest:
            self._refuse(rest)
        return values

    def error(self, message: str) -> Any:
        """Called by argparse where it has no argument to name, above all for missing ones."""
        marker = "are required: "
        if marker in message:
            missing = message.split(marker, 1)[1]
            raise UsageProblem(f"Missing: {missing}.", hint=f"Try: {self.prog} --help")
        raise UsageProblem(f"{message[:1].upper()}{message[1:]}.", hint=f"Try: {self.prog} --help")

    def _sentence(self, error: argparse.ArgumentError) -> str:
        name = (error.argument_name or "").split("/")[0]
        message = str(error.message)
        if message.startswith("expected"):
            message = "a value is missing" if "one" in message else message
        return f"{name}: {message}." if name else f"{message[:1].upper()}{message[1:]}."

    def _refuse(self, rest: list[str]) -> None:
        word = rest[0]
        if word.startswith("-") and len(word) > 1:
            known = [
                o for a in self._actions for o in a.option_strings if o.startswith("--" if word[:2] == "--" else "-")
            ]
            raise unknown("option", word.split("=", 1)[0], known)
        raise UsageProblem(f"'{word}' is one word too many.", hint=f"Try: {self.prog} --help")


@dataclass(frozen=True)
class Option:
    """One request field as it is typed."""

    field: str
    schema: Schema
    is_required: bool
    is_positional: bool
    letter: str | None

    @cached_property
    def type(self) -> Schema:
        """The schema without null."""
        parts = [part for part in self.schema.get("anyOf", [self.schema]) if part.get("type") != "null"]
        return parts[0] if len(parts) == 1 else {"type": "any"}

    @property
    def kind(self) -> str:
        if "enum" in self.type or "const" in self.type:
            return "choice"
        return str(self.type.get("type", "any"))

    @property
    def choices(self) -> list[str]:
        """The words that it takes; empty: any."""
        return (
            [str(choice) for choice in self.type.get("enum", [self.type.get("const")])] if self.kind == "choice" else []
        )

    @property
    def is_parameters(self) -> bool:
        return self.kind == "object" and self.field == "params"

    @property
    def flag(self) -> str:
        """``tags`` is typed once per tag: ``--tag``."""
        name = self.field.replace("_", "-")
        repeated = self.kind in ("object", "array")
        return f"--{name[:-1] if repeated and name.endswith('s') else name}"

    @property
    def description(self) -> str:
        return str(self.schema.get("description") or self.type.get("description") or "")

    def add_to(self, parser: argparse.ArgumentParser) -> None:
        """Make argparse know it."""
        if self.is_positional:
            many = {"nargs": "+"} if self.kind == "array" else {} if self.is_required else {"nargs": "?"}
            parser.add_argument(self.field, type=self.convert, metavar=self.field.upper(), default=None, **many)  # type: ignore[arg-type]
            return
        names = [self.letter, self.flag] if self.letter else [self.flag]
        common: dict[str, Any] = {"dest": self.field, "default": None, "required": self.is_required}
        if self.kind == "boolean":
            parser.add_argument(*names, action=argparse.BooleanOptionalAction, **common)
        elif self.kind in ("object", "array"):
            parser.add_argument(*names, action="append", type=self.convert, **common)
        else:
            parser.add_argument(*names, type=self.convert, **common)

    def convert(self, text: str) -> Any:
        """One typed word as argparse takes it. The request type checks the rest."""
        if self.kind == "choice":
            if text not in self.choices:
                raise argparse.ArgumentTypeError(f"'{text}' is none of {', '.join(self.choices)}")
            return text
        if self.field == "version" and self.is_positional:
            return text  # 'v3' and aliases are resolved before the call
        target = self.type.get("items", {}) if self.kind == "array" else self.type
        convert = _CONVERTERS.get(str(target.get("type")))
        return convert(text) if convert else text

    def collect(self, value: Any) -> Any:
        """What the request gets of what argparse collected."""
        if self.kind == "object":
            return parse_params(value) if self.is_parameters else parse_tags(value)
        return value


def _integer(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' is no whole number") from None


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' is no number") from None


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' is no JSON") from None


_CONVERTERS: dict[str, Callable[[str], Any]] = {"integer": _integer, "number": _number, "any": _json}


def options_of(operation: Operation, form: Cli) -> list[Option]:
    """The fields of the request as they are typed, positional ones first and in their order."""
    schema = describe_input(operation)
    properties, required = schema.get("properties", {}), schema.get("required", [])
    order = [*form.positional, *(name for name in properties if name not in form.positional)]
    return [
        Option(
            name, _resolve(properties[name], schema), name in required, name in form.positional, form.short.get(name)
        )
        for name in order
        if name not in form.hidden
    ]


def _resolve(part: Schema, root: Schema) -> Schema:
    if "$ref" in part:
        named = root["$defs"][part["$ref"].rsplit("/", 1)[1]]
        return {**named, **{name: value for name, value in part.items() if name != "$ref"}}
    if "anyOf" in part:
        return {**part, "anyOf": [_resolve(choice, root) for choice in part["anyOf"]]}
    return part


def request_of(options: list[Option], values: argparse.Namespace) -> dict[str, Any]:
    """The request as a dict; what was not typed is left to the defaults of the contract."""
    typed = {option.field: getattr(values, option.field) for option in options}
    return {option.field: option.collect(typed[option.field]) for option in options if typed[option.field] is not None}
