"""Files beside the notebook: found where the code names them, and never outside the folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from jupyterlab_dsp.model.slicing import CellSource, Slice, data_files, local_imports, slice_cells


def cut(*sources: str) -> Slice:
    cells = [CellSource(f"c{n}", text, n) for n, text in enumerate(sources)]
    return slice_cells(cells, cells[-1].id, keep=[cell.id for cell in cells])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "work"
    for path, text in {
        "my_layers.py": "import shared.norm\nimport numpy\n",
        "shared/__init__.py": "",
        "shared/norm.py": "from . import deep\nfrom ..my_layers import x\n",
        "shared/deep.py": "import broken\n",
        "broken.py": "def (",
        "plain/tool.py": "",
        "unused.py": "",
        "data/a.csv": "a\n1\n",
        "data/b.csv": "b\n",
        "out.csv": "old",
    }.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    (tmp_path / "secret.csv").write_text("s")
    (tmp_path / "secret.py").write_text("s = 1")
    (root / "link.csv").symlink_to(tmp_path / "secret.csv")
    (root / "linked.py").symlink_to(tmp_path / "secret.py")
    (root / "away").symlink_to(tmp_path)
    return root


def test_imported_modules_are_found_at_any_depth(folder: Path) -> None:
    found = local_imports(
        cut("import my_layers, os", "def f():\n    from plain import tool\nimport linked, away.secret"), folder
    )
    assert [(each.path, each.used_by) for each in found] == [
        ("broken.py", "imported by cell 1"),
        ("my_layers.py", "imported by cell 1"),
        ("plain/tool.py", "imported by cell 2"),
        ("shared/__init__.py", "imported by cell 1"),
        ("shared/deep.py", "imported by cell 1"),
        ("shared/norm.py", "imported by cell 1"),
    ]
    assert found[1].size_bytes == (folder / "my_layers.py").stat().st_size
    assert {each.kind for each in found} == {"module"}


def test_data_files_are_found_where_they_are_read(folder: Path) -> None:
    found = data_files(
        cut(
            "from pathlib import Path\nDATA = 'data'\na = pd.read_csv('data/a.csv')\na.to_csv('out.csv')",
            "b = pd.read_csv(f'{DATA}/b.csv')\nc = open(Path('data') / 'a.csv')\nopen('out.csv', 'w')",
        ),
        folder,
    )
    assert [(each.path, each.used_by, each.size_bytes) for each in found] == [
        ("data/a.csv", "read by cells 1, 2", 4),
        ("data/b.csv", "read by cell 2", 2),
    ]


def test_nothing_outside_the_folder_is_found(folder: Path) -> None:
    names = ["../secret.csv", str(folder.parent / "secret.csv"), "link.csv", "away/secret.csv", "data/../../secret.csv"]
    names += ["data", "", "x" * 5000, "a\\0b", "https://a/data/a.csv", "~/a", "/etc/passwd"]
    assert data_files(cut("\n".join(f"f({name!r})" for name in names)), folder) == []
