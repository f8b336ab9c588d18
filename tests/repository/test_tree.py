"""The checkout itself: no trace of one machine, and documents whose links hold."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
#: an address may stand in a lock file only without its host
REGISTRY = re.compile(
    r"https?://(?!localhost|127\.)[^\s\"')]*(npm|yarn|pypi|simple|registry)[^\s\"')]*\.(tgz|whl|tar\.gz)"
)
MACHINE_PATH = re.compile(re.escape(f"{ROOT}/"))


def tracked(*patterns: str) -> list[Path]:
    names = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *patterns],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.splitlines()  # fmt: skip
    return [ROOT / name for name in names if (ROOT / name).is_file()]


def text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")


def test_no_file_names_a_registry_or_a_path_of_one_machine() -> None:
    found = [
        f"{path.relative_to(ROOT)}: {match.group()}"
        for path in tracked()
        if path.stat().st_size < 5_000_000
        for pattern in (REGISTRY, MACHINE_PATH)
        if (match := pattern.search(text(path)))
    ]
    assert found == []


def test_constraints_are_plain_pins() -> None:
    lines = [line for line in text(ROOT / "constraints.txt").splitlines() if line and not line.startswith("#")]
    assert lines
    assert [line for line in lines if not re.fullmatch(r"[a-z0-9._-]+==[^ @/]+( ; .+)?", line)] == []


def anchors(path: Path) -> set[str]:
    titles = re.findall(r"^#+ (.+)$", text(path), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", tracked("*.md"), ids=lambda page: str(page.relative_to(ROOT)))
def test_links_hold(page: Path) -> None:
    body = re.sub(r"```.*?```|`[^`\n]*`", "", text(page), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", body):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        file = (page.parent / name).resolve() if name else page
        assert file.exists(), f"{target} leads nowhere"
        if anchor and file.suffix == ".md":
            assert anchor in anchors(file), f"{target}: there is no such heading"


def test_every_page_is_reached_from_the_readme() -> None:
    reached, waiting = set(), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in reached:
            continue
        reached.add(page)
        links = re.findall(r"\]\(([^)\s#]+\.md)[^)]*\)", text(page))
        waiting += [(page.parent / link).resolve() for link in links if ":" not in link]
    pages = {path for path in tracked("*.md") if "ui-tests" not in path.parts}
    assert sorted(str(path.relative_to(ROOT)) for path in pages - reached) == []


@pytest.mark.parametrize("notebook", tracked("examples/*.ipynb"), ids=lambda path: path.name)
def test_example_is_committed_without_outputs(notebook: Path) -> None:
    cells = json.loads(text(notebook))["cells"]
    assert [cell["id"] for cell in cells if cell.get("outputs") or cell.get("execution_count")] == []
