"""The other end of ``Side``: runs functions by name and answers with what they returned and how long they took."""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
import traceback


def main() -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what the code prints goes to stderr, not between the answers
    for line in sys.stdin:
        asked = json.loads(line)
        try:
            module, name = asked["call"].split(":")
            function = getattr(importlib.import_module(f"benchmarks.{module}"), name)
            began = time.perf_counter()
            value = function(**asked["args"])
            answer = {"seconds": time.perf_counter() - began, "value": value}
        except Exception:  # noqa: BLE001 - whatever it was, the bench prints it
            answer = {"error": traceback.format_exc()}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
