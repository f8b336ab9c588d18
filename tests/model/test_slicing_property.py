"""For any straight-line program: running the slice gives the target what running all cells gives it."""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jupyterlab_dsp.errors import CellNotRunnable
from jupyterlab_dsp.model.slicing import CellSource, slice_cells

NAMES = ["a", "b", "c", "d", "e"]
name = st.sampled_from(NAMES)
number = st.integers(0, 9)
PUT = "    def put(self, v):\n        self.items.append(v)\n        return self.items"


@st.composite
def statement(draw: st.DrawFn) -> str:
    x, y, z, n = draw(name), draw(name), draw(name), draw(number)
    return draw(
        st.sampled_from(
            [
                f"{x} = [{n}]",
                f"{x} = {y}",
                f"{x} = [{y}, {n}]",
                f"{x} = {y} + [{n}]",
                f"{x} = list({y})",
                f"{x} = {y}[0] if isinstance({y}[0], list) else {y}",
                f"{x}, {y} = {z}, [{n}]",
                f"{x}.append({n})",
                f"{x}.append(list({y}))",
                f"{x}.insert(0, {y})",
                f"{x}[0] = {n}",
                f"{x}[0] = {y}",
                f"{x} += [{n}]",
                f"{x} = {x} * 1",
                f"{x}.reverse()",
                f"{x} = [{n}, {y}.pop()] if len({y}) > 1 else [{n}]",
                f"if len({y}) > 2:\n    {x} = [{n}]",
                f"for {x} in [[{n}], [1, {n}]]:\n    {y}.append({n})",
                f"for item in [{y}]:\n    item.append({n})",
                f"def f(p):\n    p.append({n})\n    return {x}",
                f"def f(p, q=[]):\n    q.append({n})\n    return q + [p]",
                f"def f(p):\n    return [len(p), len({x})]",
                f"def f(p):\n    global {x}\n    {x} = [{n}, {n}]\n    return p",
                f"def f(p):\n    def inner():\n        p.append({n})\n        return [{n}]\n    return [inner(), p][1]",
                f"f = lambda p: [{x}, p][{n % 2}]",
                f"{y} = f({x})",
                f"f({x})",
                f"{y} = [g for g in map(f, [{x}])]",
                f"class K:\n    items = {x}\n{PUT}",
                f"{x} = K().put({n})",
                f"k = K()\nk.put({n})",
                f"{x} = k.put({n})",
                f"[{y}.append(i) for i in range(2)]",
                f"print({x})",
                f"len({x})",
                f"with open('/dev/null') as h:\n    {x} = [{n}]",
                f"try:\n    {x} = {y}[5]\n    {x} = [{x}]\nexcept IndexError:\n    {x} = [{n}]",
                f"g = iter({x} * 3)",
                f"{x} = [next(g, {n})]",
                f"g = (len({x}) + i for i in range(9))",
                f"w = {{'k': {x}}}",
                f"{y} = w.setdefault('k', [])",
                f"w['k'] = {x}",
            ]
        )
    )


START = "\n".join(f"{each} = [{i}]" for i, each in enumerate(NAMES)) + (
    "\ndef f(p):\n    return p\nclass K:\n    items = []\n    def put(self, v):\n        return [v]\n"
    "k = K()\ng = iter([1, 2, 3])\nw = {'k': [0]}\n"
)


def run(sources: list[str]) -> Any:
    space: dict[str, Any] = {"print": lambda *_: None, "__name__": "__main__"}
    for source in sources:
        exec(compile(source, "<cell>", "exec", dont_inherit=True), space)
    return copy.deepcopy(space["result"])


@settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.lists(statement(), min_size=1, max_size=2).map("\n".join), min_size=2, max_size=12), name)
def test_running_the_slice_equals_running_everything(cells: list[str], wanted: str) -> None:
    sources = [START, *cells, f"result = [{wanted}]"]
    try:
        expected = run(sources)
    except Exception:  # noqa: BLE001  the generated program is at fault
        return
    numbered = [CellSource(f"c{n}", source, n) for n, source in enumerate(sources)]
    try:
        piece = slice_cells(numbered, numbered[-1].id)
    except CellNotRunnable:
        raise AssertionError("plain Python is never refused") from None
    assert not piece.unresolved
    assert repr(run([cell.source for cell in piece.sources()])) == repr(expected)
