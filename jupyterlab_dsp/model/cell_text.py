"""A notebook cell as plain Python, line for line: ``%``, ``!`` and ``?`` lines dropped, marked or named as blockers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from .slices import DroppedLine

#: cell magics that run their body as Python in the notebook's own namespace
WRAPPERS = frozenset({"time", "timeit", "capture", "prun", "snakeviz", "memit", "scalene", "wandb", "heat"})
#: line magics that matter to the notebook only, or to the installation, and are dropped without a word
_HARMLESS = """
    load_ext reload_ext unload_ext matplotlib config autoreload aimport pip conda mamba uv micromamba dsp tensorboard
    who whos who_ls pwd ls ll history hist timeit prun lprun mprun memit xmode precision pdef pdoc psource pinfo
    pinfo2 magic lsmagic quickref colors doctest_mode debug pdb watermark notebook widgets ruff
"""
HARMLESS = frozenset(_HARMLESS.split())
#: line magics that set state which the rest of the notebook may stand on
BLOCKING = {
    "run": "Import what you need from that file instead.",
    "env": "Write os.environ[...] = ... instead.",
    "set_env": "Write os.environ[...] = ... instead.",
    "cd": "Use paths relative to the notebook instead.",
    "pushd": "Use paths relative to the notebook instead.",
    "popd": "Use paths relative to the notebook instead.",
    "store": "Send the variable along (--send) or compute it in Python.",
    "pylab": "Import what you need by name.",
    "load": "Run the cell once, so that the loaded text replaces the line.",
    "reset": "Remove the line.",
    "macro": "Write a function instead.",
    "recall": "Copy the text.",
    "rerun": "Copy the text.",
}
_ASSIGNED = re.compile(r"^(\s*)([A-Za-z_][\w.,\s\[\]'\"*]*?)\s*=\s*([!%])(?!=)\s*(.*)$")
_HELP = re.compile(r"^\s*(\?{1,2}\s*\S.*|%{0,2}[A-Za-z_*][\w.*\[\]'\"]*\?{1,2})\s*$")
_OUTPUT = re.compile(r"(?:^|\s)(?:--out|--err|-o|--output)[\s=]+([A-Za-z_]\w*)")


@dataclass(frozen=True, slots=True)
class Blocker:
    """A line that a job cannot run. ``names``: what it assigns, ``("*",)`` where nobody can say."""

    line: int
    text: str
    hint: str
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CellText:
    """``python`` has exactly the lines of the source; '' where ``foreign`` names a cell magic that is no Python."""

    python: str
    magic: str = ""
    foreign: str = ""
    #: names that a foreign or a job magic puts into the notebook, such as ``%%bash --out listing``
    foreign_names: tuple[str, ...] = ()
    dropped: tuple[DroppedLine, ...] = ()
    blockers: tuple[Blocker, ...] = ()
    notes: tuple[str, ...] = ()
    indent: int = 0


def read_cell(source: str) -> CellText:
    """Take a cell apart. ``%%dsp train`` is stripped like a wrapper; ``magic`` tells that it was there."""
    lines = source.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    first = next((n for n, line in enumerate(lines) if line.strip()), 0)
    indent = len(lines[first]) - len(lines[first].lstrip())
    if indent:
        lines = [line[indent:] if not line[:indent].strip() else line for line in lines]
    magic = ""
    names: list[str] = []
    dropped: list[DroppedLine] = []
    while first < len(lines) and lines[first].startswith("%%"):
        text = lines[first]
        name = text[2:].split(maxsplit=1)[0] if text[2:].strip() else ""
        names += _OUTPUT.findall(text)
        if name == "capture":
            names += [word for word in text.split()[1:2] if word.isidentifier()]
        if name not in WRAPPERS and not (name == "dsp" and text.split()[1:2] == ["train"]):
            return CellText("", magic=magic or text, foreign=f"%%{name}", foreign_names=tuple(names), indent=indent)
        if name == "dsp" or not magic:
            magic = text
        # "# %%" would read as a cell marker in the exported module
        dropped.append(DroppedLine(first + 1, text))
        lines[first] = f"# dropped: {text}"
        first += 1
    return _drop_lines(lines, magic, names, dropped, indent)


def _drop_lines(lines: list[str], magic: str, names: list[str], dropped: list[DroppedLine], indent: int) -> CellText:
    blockers: list[Blocker] = []
    notes: list[str] = []
    for start, stop in list(_special_lines(lines)):
        text = " ".join(line.rstrip("\\").strip() for line in lines[start:stop])
        space = lines[start][: len(lines[start]) - len(lines[start].lstrip())]
        kept, blocker, note = _judge(text, start + 1)
        if blocker:
            blockers.append(blocker)
        if note:
            notes.append(note)
        if blocker or not kept:
            dropped.append(DroppedLine(start + 1, text))
        lines[start] = f"{space}{kept or 'pass'}" + ("" if kept and not blocker else f"  # dropped: {text}")
        for number in range(start + 1, stop):
            lines[number] = "#"
    return CellText(
        "\n".join(lines),
        magic=magic,
        foreign_names=tuple(names),
        dropped=tuple(dropped),
        blockers=tuple(blockers),
        notes=tuple(notes),
        indent=indent,
    )


def _judge(text: str, line: int) -> tuple[str, Blocker | None, str]:
    """What stands in for a special line: Python or '', what blocks a job, and what to tell the user."""
    assigned = _ASSIGNED.match(text)
    if assigned and not text.startswith(("%", "!", "?")):
        target, sign, rest = assigned.group(2).strip(), assigned.group(3), assigned.group(4)
        if sign == "%" and rest.startswith("time "):
            return f"{target} = {_without_flags(rest[5:])}", None, ""
        names = tuple(re.findall(r"[A-Za-z_]\w*", target))
        what = "a shell command" if sign == "!" else "a magic"
        hint = f"It takes its value from {what}: assign it in Python."
        return f"{target} = None", Blocker(line, text, hint, names), ""
    if text.startswith("?") or _HELP.match(text):
        return "", None, ""
    if text.startswith("!"):
        is_install = re.match(r"!+\s*(python\S*\s+-m\s+)?(uv\s+)?(pip|conda|mamba|npm)\b", text)
        note = "" if is_install else f"line {line}, {text!r}, is a shell command and is left out"
        return "", None, note
    if text.startswith(("/", ",", ";")):
        return "", Blocker(line, text, "Write the call with parentheses.", ("*",)), ""
    words = text.lstrip("%").split(maxsplit=1)
    name, rest = (words[0] if words else ""), (words[1] if len(words) > 1 else "")
    if name == "time":
        return _without_flags(rest), None, ""
    reads_only = (name == "env" and "=" not in rest and len(rest.split()) < 2) or (name == "store" and "-r" not in rest)
    if name in BLOCKING and not reads_only:
        names = ("*",) if name in {"run", "store", "pylab", "load", "macro", "rerun", "recall"} else ()
        return "", Blocker(line, text, BLOCKING[name], names), ""
    if name in HARMLESS or reads_only:
        return "", None, ""
    return "", None, f"line {line}, {text!r}, is a magic and is left out"


def _without_flags(text: str) -> str:
    return re.sub(r"^(\s*--?[A-Za-z][\w-]*)+\s+", "", text).strip()


def _special_lines(lines: list[str]) -> Iterator[tuple[int, int]]:
    """Spans of lines that start a logical line and are no Python: never inside a string, bracket or continuation."""
    number = 0
    inside, depth = "", 0
    continued = False
    while number < len(lines):
        line = lines[number]
        if not inside and not depth and not continued and _is_special(line):
            stop = number + 1
            while lines[stop - 1].endswith("\\") and stop < len(lines):
                stop += 1
            yield number, stop
            number = stop
            continue
        inside, depth, continued = _scan(line, inside, depth)
        number += 1


def _is_special(line: str) -> bool:
    text = line.strip()
    return text.startswith(("%", "!", "?", "/", ",", ";")) or bool(_HELP.match(line) or _ASSIGNED.match(line))


def _scan(line: str, inside: str, depth: int) -> tuple[str, int, bool]:
    """Walk one physical line; returns the open quote, the bracket depth, and whether the line is continued."""
    at = 0
    while at < len(line):
        char = line[at]
        if inside:
            if char == "\\":
                at += 2
                continue
            if line.startswith(inside, at):
                at += len(inside)
                inside = ""
                continue
        elif char == "#":
            return "", depth, False
        elif char in "'\"":
            inside = char * 3 if line.startswith(char * 3, at) else char
            at += len(inside)
            continue
        elif char in "([{":
            depth += 1
        elif char in ")]}":
            depth = max(0, depth - 1)
        at += 1
    continued = line.endswith("\\")
    if len(inside) == 1 and not continued:
        inside = ""
    return inside, depth, continued
