"""The one parser of ``dsp ...`` and ``%dsp ...``: finds the command, then reads its arguments."""

from __future__ import annotations

import argparse
import shlex
from dataclasses import dataclass

from .commands import Command, Where, areas, commands, default_of, short_forms, verbs
from .options import Parser
from .usage import UsageProblem, unknown

_HELP = {"-h", "--help", "?", "help"}


@dataclass(frozen=True)
class Parsed:
    """What was typed. ``command`` None: help about everything, or about ``area``. ``values`` None: help."""

    command: Command | None
    values: argparse.Namespace | None = None
    area: str | None = None
    as_json: bool = False
    output: str | None = None
    has_cell: bool = False


def split(line: str) -> list[str]:
    """Words of a magic's line, as a shell splits them. Raises UsageProblem."""
    try:
        return shlex.split(line)
    except ValueError as error:
        raise UsageProblem("A quotation mark is not closed.", hint=f"In: {line.strip()[:200]}") from error


def parse(words: list[str], where: Where) -> Parsed:
    """Find the command and read its arguments. Raises UsageProblem in one sentence."""
    if not words or words[0] in _HELP:
        return _help_about(words[1:])
    head, rest = words[0], words[1:]
    short = head.rstrip("?") if len(head) > 1 else head
    if short != head:
        head, rest = short, [*rest, "?"]
    if head in short_forms():
        return _read(short_forms()[head], rest, where)
    if head.startswith("-"):
        raise unknown("option", head, ["--help", "--version"])
    if head not in areas():
        raise unknown("command", head, [*areas(), *short_forms()])
    return _in_area(head, rest, where)


def _help_about(rest: list[str]) -> Parsed:
    if rest and rest[0] in short_forms():
        return Parsed(short_forms()[rest[0]])
    if len(rest) > 1 and (rest[0], rest[1]) in commands():
        return Parsed(commands()[rest[0], rest[1]])
    return Parsed(None, area=rest[0] if rest and rest[0] in areas() else None)


def _in_area(area: str, rest: list[str], where: Where) -> Parsed:
    if rest and rest[0] in _HELP:
        return Parsed(None, area=area)
    word = rest[0] if rest else ""
    verb = word.rstrip("?") if len(word) > 1 else word
    if (area, verb) in commands():
        return _read(commands()[area, verb], [*rest[1:], *(["?"] if verb != word else [])], where)
    default = default_of(area)
    if word and not word.startswith("-") and (default is None or not _takes(default, word, where)):
        raise unknown("verb", f"{area} {word}", [f"{area} {known}" for known in verbs(area)])
    if default is None:
        return Parsed(None, area=area)
    return _read(default, rest, where)


def _takes(command: Command, word: str, where: Where) -> bool:
    """Whether the first word after the area can be an argument of its default verb."""
    if command.words == "train submit":
        return where == "shell" and word.endswith(".ipynb")
    return False


def build(command: Command, where: Where) -> Parser:
    """argparse of one command."""
    parser = Parser(f"{'%' if where == 'notebook' else ''}dsp {command.words}")
    command.add_arguments(parser, where)
    parser.add_argument("--json", dest="as_json", action="store_true", help="Print the answer as JSON.")
    if where == "notebook" and not any("-o" in action.option_strings for action in parser._actions):
        parser.add_argument("-o", "--output", dest="output", metavar="NAME", help="Put the answer into this variable.")
    return parser


def _read(command: Command, rest: list[str], where: Where) -> Parsed:
    if any(word in ("-h", "--help", "?") for word in rest):
        return Parsed(command)
    values = build(command, where).read(_one_word_versions(command, rest))
    output = getattr(values, "output", None)
    if output is not None and not output.isidentifier():
        raise UsageProblem(f"-o: '{output}' is no variable name.")
    return Parsed(command, values, as_json=values.as_json, output=output)


def _one_word_versions(command: Command, rest: list[str]) -> list[str]:
    """``digits@3`` where the contract has a model and a version."""
    positional = command.operation.cli.positional if command.operation and command.operation.cli else ()
    if positional[:2] == ("model", "version"):
        for place, word in enumerate(rest):
            if not word.startswith("-"):
                model, at, version = word.partition("@")
                return [*rest[:place], model, version, *rest[place + 1 :]] if at and version else rest
    return rest
