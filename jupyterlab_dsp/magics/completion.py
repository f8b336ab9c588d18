"""Tab after ``%dsp``: areas, verbs, options, models, versions, aliases, run ids. Never an error, never slow."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any

from ..cli.commands import areas, commands, default_of, short_forms, verbs

if TYPE_CHECKING:
    from ..cli.commands import Command
    from .extension import Extension

#: seconds for which names of models and runs are remembered
_FRESH_S = 3.0
#: also where the answer is assigned: ``rows = %dsp train list``
_OURS = re.compile(r"\s*(?:%%dsp|(?:[^\W\d]\w*\s*=\s*)?%dsp)(?=\s)")
_remembered: dict[str, tuple[float, list[str]]] = {}


def complete(extension: Extension, context: Any) -> Any:
    """IPython's matcher: everything for a line that begins with ``%dsp`` or ``%%dsp``, nothing for others."""
    line = (
        context.line_with_cursor if isinstance(getattr(context, "line_with_cursor", None), str) else context.full_text
    )
    words = candidates(line)
    if words is None:
        return {"completions": []}
    from IPython.core.completer import SimpleCompletion

    fragment = "" if line[-1:].isspace() else line.rsplit(None, 1)[-1]
    token = context.token
    # IPython replaces its own token, which may begin within our word ("digits@pro" is cut at "@")
    cut = len(fragment) - len(token) if token and fragment.endswith(token) else 0
    found = [SimpleCompletion(word[cut:], type="dsp") for word in words if word.startswith(fragment)]
    return {"completions": found, "suppress": True, "matched_fragment": fragment[cut:]}


def candidates(line: str) -> list[str] | None:
    """What could stand where the cursor is, given the line up to it; None: the line is not ours."""
    ours = _OURS.match(line)
    if ours is None:
        return None
    rest = line[ours.end() :]
    words = rest.split()
    typed = words if rest[-1:].isspace() else words[:-1]
    fragment = "" if rest[-1:].isspace() else words[-1]
    try:
        return _after(typed, fragment)
    except Exception:  # noqa: BLE001  a Tab must not print a traceback, whatever is wrong with the platform
        return []


def _after(typed: list[str], fragment: str) -> list[str]:
    if not typed:
        return [*areas(), *short_forms()]
    command, rest = _command(typed)
    offered: list[str] = []
    if command is None or (len(typed) == 1 and typed[0] not in short_forms()):
        offered += verbs(typed[0])
    if command is not None:
        offered += _arguments(command, rest, fragment)
    return offered


def _command(typed: list[str]) -> tuple[Command | None, list[str]]:
    if typed[0] in short_forms():
        return short_forms()[typed[0]], typed[1:]
    if len(typed) > 1 and (typed[0], typed[1]) in commands():
        return commands()[typed[0], typed[1]], typed[2:]
    return default_of(typed[0]), typed[1:]


def _arguments(command: Command, rest: list[str], fragment: str) -> list[str]:
    from ..cli.parser import build

    parser = build(command, "notebook")
    by_flag = {flag: action for action in parser._actions for flag in action.option_strings}
    before = by_flag.get(rest[-1]) if rest else None
    if before is not None and before.nargs != 0:
        choices = getattr(getattr(before.type, "__self__", None), "choices", None)
        return list(choices or []) or (_models() if before.dest == "name" else [])
    if fragment.startswith("-"):
        return [flag for flag in by_flag if flag.startswith("--")]
    places = [action.dest for action in parser._actions if not action.option_strings]
    if not places:
        return [flag for flag in by_flag if flag.startswith("--")]
    place = places[min(len([word for word in rest if not word.startswith("-")]), len(places) - 1)]
    return _names_for(place, fragment, rest)


def _names_for(place: str, fragment: str, rest: list[str]) -> list[str]:
    if place == "run_id":
        return ["last", *_runs()]
    if place in ("ref", "refs", "model", "name"):
        model, at, _ = fragment.partition("@")
        if at and place != "name":
            return [f"{model}@{ref}" for ref in _references(model)]
        return [*_models(), *(_runs() if place == "refs" and fragment else [])]
    if place in ("version", "alias") and rest:
        references = _references(rest[0])
        return references if place == "version" else [name for name in references if not name.isdigit()]
    return []


def _models() -> list[str]:
    return _remember("models", lambda p: [row.name for row in p.call("model.list", {"limit": 200}).items])


def _runs() -> list[str]:
    return _remember("runs", lambda p: [row.id for row in p.call("train.list", {"limit": 50}).items])


def _references(model: str) -> list[str]:
    def read(platform: Any) -> list[str]:
        page = platform.call("model.versions", {"model": model, "limit": 30})
        aliases = platform.call("model.show", {"model": model}).aliases
        return [*aliases, "latest", *(str(row.version) for row in page.items)]

    return _remember(f"versions of {model}", read)


def _remember(what: str, read: Any) -> list[str]:
    from ..api import platform

    chosen = platform()
    key = f"{id(chosen)} {what}"
    known = _remembered.get(key)
    if known and time.monotonic() - known[0] < _FRESH_S:
        return known[1]
    found = read(chosen)
    _remembered[key] = (time.monotonic(), found)
    return found  # type: ignore[no-any-return]
