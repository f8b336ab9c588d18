"""What ``--help`` and ``?`` say: usage, what each word means, an example."""

from __future__ import annotations

import argparse

from .commands import Command, Where, areas, commands, default_of, short_forms, verbs
from .format import text_facts
from .options import Parser, options_of
from .parser import Parsed, build


def help_text(parsed: Parsed, where: Where) -> str:
    """Help about a command, an area, or everything."""
    if parsed.command:
        return command_help(parsed.command, where)
    if parsed.area:
        return _area_help(parsed.area, where)
    return _all_help(where)


def _prefix(where: Where) -> str:
    return "%dsp" if where == "notebook" else "dsp"


def example(command: Command, where: Where) -> str:
    """A line that can be typed as it stands."""
    if where == "notebook" and command.notebook_example:
        return f"{'%%dsp' if command.words == 'train submit' else '%dsp'} {command.notebook_example}"
    return f"{_prefix(where)} {command.example}"


def _all_help(where: Where) -> str:
    lines = [f"{_prefix(where)} <area> [verb] ...: the data science platform.", ""]
    for area in areas():
        names = [f"{verb} (the default)" if _is_default(area, verb) else verb for verb in verbs(area)]
        lines.append(f"  {area:8}{', '.join(names)}")
    lines += ["", "Short forms:"]
    lines += [f"  {word:8}{command.words}" for word, command in short_forms().items()]
    lines += ["", f"More: {_prefix(where)} <area> --help, {_prefix(where)} <area> <verb> --help"]
    return "\n".join(lines)


def _is_default(area: str, verb: str) -> bool:
    default = default_of(area)
    return default is not None and default.verb == verb


def _area_help(area: str, where: Where) -> str:
    rows = {verb: commands()[area, verb].summary for verb in verbs(area)}
    words = f"{_prefix(where)} {area} <verb>"
    return f"{words} ...\n\n{_indent(text_facts(rows))}\n\nMore: {words} --help"


def command_help(command: Command, where: Where) -> str:
    """Usage, arguments with their meaning, an example."""
    parser = build(command, where)
    meanings = {}
    if command.operation:
        meanings = {option.field: option.description for option in options_of(command.operation, command.form)}
    rows = {_shown(action): meanings.get(action.dest) or action.help or "" for action in parser._actions}
    parts = [
        _usage(parser, command, where), command.summary,
        _indent("\n".join(_row(name, meaning, rows) for name, meaning in rows.items())),
        f"Example:\n  {example(command, where)}",
    ]  # fmt: skip
    return "\n\n".join(part for part in parts if part)


def _row(name: str, meaning: str, rows: dict[str, str]) -> str:
    wide = min(max(len(name) for name in rows), 32)
    return f"{name.ljust(wide)}  {meaning}".rstrip()


def _usage(parser: Parser, command: Command, where: Where) -> str:
    cell = where == "notebook" and command.words == "train submit"
    words = ["%%dsp train" if cell else parser.prog]
    for action in parser._actions:
        shown = _shown(action).split(", ")[0]
        value = _metavar(action)
        if action.option_strings:
            text = shown if " " in shown or not value else f"{shown} {value}"
            words.append(text if action.required else f"[{text}]")
        else:
            words.append(shown)
    return f"Usage: {' '.join(words)}"


def _metavar(action: argparse.Action) -> str:
    if action.nargs == 0:
        return ""
    if isinstance(action.metavar, str):
        return action.metavar
    if action.dest in ("params", "tags"):
        return "NAME=VALUE"
    choices = getattr(getattr(action.type, "__self__", None), "choices", None)
    if choices:
        return f"{{{','.join(choices)}}}"
    return action.dest.upper()


def _shown(action: argparse.Action) -> str:
    value = _metavar(action)
    if not action.option_strings:
        name = str(action.metavar or action.dest.upper())
        return {"+": f"{name}...", "?": f"[{name}]"}.get(str(action.nargs), name)
    names = ", ".join(action.option_strings)
    return f"{names} {value}" if value and action.nargs != 0 else names


def _indent(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.splitlines())
