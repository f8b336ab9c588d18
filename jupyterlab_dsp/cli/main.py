"""The command ``dsp``."""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from ..errors import DspError
from .usage import FAILED, INTERRUPTED, OK, WRONG_USAGE, UsageProblem


def main(argv: list[str] | None = None) -> int:
    """Run one command. 0: done; 1: it failed; 2: wrongly typed; 130: interrupted. The answer goes to stdout."""
    words = sys.argv[1:] if argv is None else argv
    as_json = "--json" in words
    try:
        return _run(words)
    except UsageProblem as error:
        _complain(error, as_json)
        return WRONG_USAGE
    except DspError as error:
        _complain(error, as_json)
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # `dsp train list | head`: nobody reads on; without this Python complains again while it ends
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK


def _run(words: list[str]) -> int:
    if words and words[0] in ("--version", "-V"):
        from importlib.metadata import version

        print(version("jupyterlab-dsp"))
        return OK
    from .help import help_text
    from .parser import parse
    from .session import Session

    parsed = parse(words, "shell")
    if parsed.command is None or parsed.values is None:
        print(help_text(parsed, "shell"))
        return OK
    answer = parsed.command.runner(parsed.values, Session())
    print(as_text(answer, parsed.as_json, parsed.command), flush=True)
    return OK


def as_text(answer: Any, as_json: bool, command: Any) -> str:
    """The answer as it is printed."""
    from .views import to_json, view

    return to_json(answer) if as_json else view(answer, command).text


def _complain(error: DspError, as_json: bool) -> None:
    if as_json:
        print(json.dumps(error.to_dict(), default=str, ensure_ascii=True), file=sys.stderr)
        return
    print(f"error: {error.message}", file=sys.stderr)
    if error.hint:
        print(f"  {error.hint}", file=sys.stderr)
    if trace := error.details.get("traceback"):
        print(trace, file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
