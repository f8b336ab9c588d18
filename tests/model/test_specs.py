"""Export of the untrained model through the platform's door: plan, versions, files, names, many writers, damage."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from jupyterlab_dsp.contract.model import Spec
from jupyterlab_dsp.errors import Conflict, Corrupt, DspError, InvalidInput, NotFound, Unavailable
from jupyterlab_dsp.platform import Platform
from jupyterlab_dsp.settings import Settings

MODEL = "from sklearn.linear_model import LogisticRegression\nclf = LogisticRegression(C=c).fit([[0], [1]], [0, 1])"


def cells(*sources: str) -> list[dict[str, Any]]:
    return [{"id": f"c{place}", "source": source, "index": place} for place, source in enumerate(sources)]


def request(*sources: str, name: str = "digits", **more: Any) -> dict[str, Any]:
    return {"name": name, "cells": cells(*(sources or ("c = 1.0", MODEL))), **more}


def export(platform: Platform, *sources: str, **more: Any) -> Spec:
    spec: Spec = platform.call("model.export", request(*sources, **more))
    return spec


def git(platform: Platform, *words: str) -> str:
    if shutil.which("git") is None:
        pytest.skip("no git here")
    command = ["git", "-C", str(platform.paths.specs), *words]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


# -- plan ----------------------------------------------------------------------------------------------------


def test_plan_says_what_an_export_would_hold_and_writes_nothing(platform: Platform) -> None:
    plan = platform.call("model.plan-export", request("c = 1.0", "raise SystemExit", MODEL))
    assert [(cell.index, cell.included) for cell in plan.cells] == [(0, True), (1, False), (2, True)]
    assert all(cell.reason for cell in plan.cells if cell.included)
    assert {each.name: each.default for each in plan.parameters} == {"c": 1.0}
    assert (plan.next_version, plan.target, plan.problems, plan.diff.base_version) == (1, "c2", [], None)
    assert plan.magic == "%dsp export digits"
    compile(plan.module, "module", "exec")
    assert platform.call("model.specs", {}).items == []
    assert plan.digest == export(platform, "c = 1.0", "raise SystemExit", MODEL).digest


def test_plan_warns_of_state_that_no_cell_makes(platform: Platform) -> None:
    sources = ("c = 1.0", MODEL)
    kernel = {"names": ["c", "clf", "hidden"], "environment": {}}
    plan = platform.call("model.plan-export", request(*sources[:1], MODEL + "\nprint(hidden)", kernel=kernel))
    assert any("hidden" in problem and "kernel" in problem for problem in plan.problems)
    with pytest.raises(InvalidInput, match="hidden"):
        platform.call("model.export", request(*sources[:1], MODEL + "\nprint(hidden)", kernel=kernel))
    assert platform.call("model.specs", {}).items == []


def test_plan_of_cells_run_out_of_order_carries_the_warning_on_the_cell(platform: Platform) -> None:
    given = cells("c = 1.0", MODEL)
    given[0] |= {"execution_count": 5, "execution_source": "c = 2.0"}
    given[1] |= {"execution_count": 3, "execution_source": MODEL}
    plan = platform.call("model.plan-export", {"name": "digits", "cells": given})
    assert any(cell.warnings for cell in plan.cells) or plan.warnings


# -- versions ------------------------------------------------------------------------------------------------


def test_same_spec_is_the_same_version_wherever_its_cells_lie(platform: Platform) -> None:
    first = export(platform, message="one")
    assert first.version == 1
    assert export(platform, message="two") == first
    moved = [{**cell, "index": cell["index"] + 3, "id": f"x{cell['index']}"} for cell in cells("c = 1.0", MODEL)]
    assert platform.call("model.export", {"name": "digits", "cells": moved, "notebook": "other.ipynb"}) == first


def test_same_spec_with_a_set_is_the_same_version_in_every_process(platform: Platform) -> None:
    code = (
        "import json, sys\nfrom jupyterlab_dsp.platform import Platform\n"
        "print(Platform().call('model.export', json.loads(sys.argv[1])).version)"
    )
    body = json.dumps(request("tags = {'a', 'b', 'c', 'dd'}\nbig = 1e999\nc = 1.0", MODEL + "\nprint(tags, big)"))
    for seed in ("1", "2", "3"):
        env = {**os.environ, "DSP_HOME": str(platform.settings.home), "PYTHONHASHSEED": seed}
        done = subprocess.run([sys.executable, "-c", code, body], env=env, capture_output=True, text=True, check=True)
        assert done.stdout.strip() == "1"


def test_edited_spec_is_the_next_version_with_what_changed_in_words(platform: Platform) -> None:
    export(platform)
    plan = platform.call("model.plan-export", request("c = 0.5", MODEL))
    assert (plan.next_version, plan.diff.base_version, plan.diff.is_empty) == (2, 1, False)
    assert any("c" in change.text and "0.5" in change.text for change in plan.diff.parameters)
    second = export(platform, "c = 0.5", MODEL, message="weaker")
    assert (second.version, second.message) == (2, "weaker")
    detail = platform.call("model.spec", {"name": "digits", "version": 2})
    assert detail.diff.base_version == 1
    assert [change.text for change in detail.diff.parameters] == [change.text for change in plan.diff.parameters]
    assert {file.path for file in detail.files} >= {"spec.json", "model.py", "requirements.txt", "requirements.lock"}
    assert "c = 0.5" in detail.module
    assert platform.call("model.spec", {"name": "digits", "version": 1}).diff.base_version is None


def test_tuple_parameter_that_did_not_change_is_no_change(platform: Platform) -> None:
    export(platform, "shape = (1, 2)\nc = 1.0", MODEL + "\nprint(shape)")
    plan = platform.call("model.plan-export", request("shape = (1, 2)\nc = 2.0", MODEL + "\nprint(shape)"))
    assert len(plan.diff.parameters) == 1


def test_expect_of_an_older_version_is_a_conflict(platform: Platform) -> None:
    export(platform, expect=0)
    with pytest.raises(Conflict) as caught:
        export(platform, "c = 2.0", MODEL, expect=0)
    assert caught.value.details["newest"] == 1
    assert export(platform, "c = 2.0", MODEL, expect=1).version == 2


def test_git_reads_what_was_written(platform: Platform, tmp_path: Path) -> None:
    export(platform, name="zebra", message="first\n\nDsp-Version: 77")
    export(platform, "c = 2.0", MODEL, name="zebra")
    export(platform, name="ant")
    assert platform.call("model.spec", {"name": "zebra", "version": 1}).message == "first\n\nDsp-Version: 77"
    git(platform, "fsck", "--strict")
    assert git(platform, "tag").split() == ["ant/v1", "zebra/v1", "zebra/v2"]
    clone = tmp_path / "clone"
    git(platform, "clone", "-q", str(platform.paths.specs), str(clone))
    assert (clone / "spec.json").exists()  # HEAD points at something
    done = subprocess.run([sys.executable, "model.py"], cwd=clone, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_odd_messages_and_authors_are_kept(platform: Platform) -> None:
    platform.__dict__["user"] = "Zoë <z@x> \udcff\n"
    spec = export(platform, message="stripes 🦓")
    assert spec.version == 1
    listed = platform.call("model.specs", {}).items[0]
    assert "🦓" in listed.message
    assert "Zoë" in listed.created_by


# -- files ---------------------------------------------------------------------------------------------------


def test_module_beside_the_notebook_comes_along(platform: Platform, tmp_path: Path) -> None:
    (tmp_path / "layers.py").write_text("WIDTH = 3\n")
    spec = export(platform, "import layers\nc = 1.0", MODEL + "\nprint(layers.WIDTH)", folder=str(tmp_path))
    files = {file.path for file in platform.call("model.spec", {"name": "digits", "version": spec.version}).files}
    assert "files/layers.py" in files
    (tmp_path / "layers.py").write_text("WIDTH = 4\n")
    assert (
        export(platform, "import layers\nc = 1.0", MODEL + "\nprint(layers.WIDTH)", folder=str(tmp_path)).version == 2
    )


def test_large_file_is_named_not_carried(platform: Platform, tmp_path: Path) -> None:
    with (tmp_path / "big.csv").open("wb") as file:
        file.truncate(9 * 2**20)
    sources = ("c = 1.0\ntext = open('big.csv').read()", MODEL + "\nprint(len(text))")
    plan = platform.call("model.plan-export", request(*sources, folder=str(tmp_path)))
    assert [(file.path, file.kind, file.included) for file in plan.files] == [("big.csv", "data", False)]
    with pytest.raises(InvalidInput, match="too large"):
        export(platform, *sources, folder=str(tmp_path), files=["big.csv"])
    assert export(platform, *sources, folder=str(tmp_path)).version == 1


@pytest.mark.parametrize(
    "path", ["../secret.txt", "/etc/passwd", "link.txt", ".git/config", ".GIT/config", "no.txt", ""]
)
def test_files_outside_the_folder_never_come_along(platform: Platform, tmp_path: Path, path: str) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    folder = tmp_path / "work"
    for name in (".git", ".GIT"):
        (folder / name).mkdir(parents=True, exist_ok=True)
        (folder / name / "config").write_text("[core]")
    (folder / "link.txt").symlink_to(tmp_path / "secret.txt")
    sources = (f"c = 1.0\ntext = open({path!r}).read()", MODEL + "\nprint(text)")
    plan = platform.call("model.plan-export", request(*sources, folder=str(folder)))
    assert plan.files == []
    with pytest.raises(InvalidInput) as caught:
        export(platform, *sources, folder=str(folder), files=[path])
    assert caught.value.details["field"] == "files"
    export(platform, *sources, folder=str(folder))
    git(platform, "fsck", "--strict")


# -- names ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        ".lock",
        "a.lock",
        "..",
        "a..b",
        "@{",
        "@",
        "-x",
        "a/b",
        "a b",
        "a~1",
        "a^",
        "a:b",
        "é",
        "",
        "a.",
        "x" * 101,
        "a\nb",
    ],
)
def test_names_that_git_forbids_are_refused_by_field(platform: Platform, name: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        export(platform, name=name)
    assert caught.value.details["field"] == "name"


@pytest.mark.parametrize(
    "name", ["HEAD", "refs", "refs.heads", "master", "v1", "1", "a-b_c.d", "x" * 100, "FETCH_HEAD"]
)
def test_names_that_look_like_gits_own_work(platform: Platform, name: str) -> None:
    assert export(platform, name=name).version == 1
    assert export(platform, "c = 3.0", MODEL, name=name).version == 2
    assert [spec.version for spec in platform.call("model.specs", {"name": name}).items] == [2, 1]
    git(platform, "fsck", "--strict")


def test_names_that_differ_in_case_are_two(platform: Platform) -> None:
    assert export(platform, name="Digits").version == 1
    assert export(platform, "c = 9.0", MODEL, name="digits").version == 1
    assert platform.call("model.spec", {"name": "Digits", "version": 1}).params == {"c": 1.0}


# -- many, killed, damaged -----------------------------------------------------------------------------------


WRITER = """
import sys
from jupyterlab_dsp.platform import Platform
from jupyterlab_dsp.settings import Settings
platform = Platform()
print("ready", flush=True)
sys.stdin.readline()
for number in range(int(sys.argv[2])):
    source = f"c = {sys.argv[1]}.{number}\\nprint(c)"
    spec = platform.call("model.export", {"name": "shared", "cells": [{"id": "a", "source": source, "index": 0}]})
    sys.stdout.write(f"{spec.version} {spec.digest}\\n")
    sys.stdout.flush()
"""


def start_writer(platform: Platform, number: int, count: int) -> subprocess.Popen[str]:
    env = {**os.environ, "DSP_HOME": str(platform.settings.home)}
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(number), str(count)],
        env=env,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.slow
def test_8_processes_export_to_one_name_at_once(platform: Platform) -> None:
    writers = [start_writer(platform, number, 5) for number in range(8)]
    for writer in writers:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
    found: list[tuple[int, str]] = []
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write("\n")
        writer.stdin.flush()
    for writer in writers:
        out, error = writer.communicate(timeout=120)
        assert writer.returncode == 0, error
        found += [(int(line.split()[0]), line.split()[1]) for line in out.splitlines()]
    assert sorted(version for version, _ in found) == list(range(1, 41))
    rows = platform.call("model.specs", {"name": "shared", "limit": 100}).items
    assert {row.version: row.digest for row in rows} == dict(found)
    git(platform, "fsck", "--strict")


@pytest.mark.slow
def test_killed_exporter_leaves_whole_versions_and_no_lock(platform: Platform) -> None:
    acknowledged: set[int] = set()
    for number in range(6):
        writer = start_writer(platform, number, 1000)
        assert writer.stdin is not None
        assert writer.stdout is not None
        writer.stdout.readline()
        writer.stdin.write("\n")
        writer.stdin.flush()
        time.sleep(0.05 + 0.11 * number)
        writer.send_signal(signal.SIGKILL)
        out, _ = writer.communicate(timeout=30)
        acknowledged |= {int(line.split()[0]) for line in out.splitlines() if line.count(" ") == 1}
    last = export(platform, name="shared").version
    rows = platform.call("model.specs", {"name": "shared", "limit": 1000, "order": "asc"}).items
    assert [row.version for row in rows] == list(range(1, last + 1))
    assert acknowledged <= set(range(1, last + 1))
    git(platform, "fsck", "--strict")


def test_record_of_a_commit_whose_writer_was_killed_is_made_again(platform: Platform, monkeypatch) -> None:
    records = platform.records
    plain_put = type(records).put

    class Killed(BaseException):
        pass

    def killed(self: Any, kind: str, *args: Any, **more: Any) -> Any:
        if kind == "spec":
            raise Killed
        return plain_put(self, kind, *args, **more)

    monkeypatch.setattr(type(records), "put", killed)
    for source in ("c = 1.0", "c = 2.0"):
        with pytest.raises(Killed):
            export(platform, source, MODEL)
    monkeypatch.undo()
    assert export(platform, "c = 3.0", MODEL).version == 3
    assert [row.version for row in platform.call("model.specs", {}).items] == [3, 2, 1]
    # a tag that a killed writer left out is made by the next one
    (platform.paths.specs / "refs/tags/digits/v3").unlink()
    export(platform, "c = 4.0", MODEL)
    assert (platform.paths.specs / "refs/tags/digits/v3").exists()


def test_locks_of_a_killed_writer_keep_nobody_out(platform: Platform) -> None:
    export(platform)
    folder = platform.paths.specs
    again = next(path for path in folder.glob("objects/??/*") if path.is_file())
    for path in (again, folder / "refs/heads/digits", folder / "refs/tags/digits/v2", folder / "HEAD"):
        path.with_name(f"{path.name}.lock").touch()
    again.unlink()  # its writer was killed before the rename; the same content comes again
    (folder / "dsp-writing").touch()
    (folder / "refs/heads/digits").unlink()
    assert export(platform).version == 1
    assert export(platform, "c = 2.0", MODEL).version == 2
    assert list(folder.rglob("*.lock")) == []
    git(platform, "fsck", "--strict")


def test_foreign_branch_does_not_hide_the_specs(platform: Platform) -> None:
    export(platform)
    tree = git(platform, "write-tree").strip()
    env = {
        **os.environ,
        **{f"GIT_{who}_{what}": "ci@x" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
    }
    command = ["git", "-C", str(platform.paths.specs), "commit-tree", tree, "-m", "by hand"]
    commit = subprocess.run(command, env=env, capture_output=True, text=True, check=True).stdout.strip()
    git(platform, "branch", "feature/ci", commit)
    assert [row.name for row in platform.call("model.specs", {}).items] == ["digits"]
    git(platform, "branch", "-f", "digits", commit)
    assert [row.version for row in platform.call("model.specs", {}).items] == [1]
    with pytest.raises(Corrupt, match="no export"):
        export(platform, "c = 2.0", MODEL)


@pytest.mark.parametrize("damage", ["object", "garbage", "ref", "head", "file"])
def test_damaged_repository_is_one_sentence(platform: Platform, damage: str) -> None:
    export(platform)
    folder = platform.paths.specs
    objects = sorted(path for path in folder.glob("objects/??/*") if path.is_file())
    if damage == "object":
        for path in objects:
            path.unlink()
    elif damage == "garbage":
        for path in objects:
            path.chmod(0o600)
            path.write_bytes(b"garbage")
    elif damage == "ref":
        (folder / "refs/heads/digits").write_text("no digest\n")
    elif damage == "head":
        (folder / "HEAD").write_bytes(b"\xff\xff")
        shutil.rmtree(folder / "objects")
    else:
        shutil.rmtree(folder)
        folder.write_text("a file")
    for operation, body in (
        ("model.spec", {"name": "digits", "version": 1}),
        ("model.export", request("c = 2.0", MODEL)),
        ("model.plan-export", request("c = 2.0", MODEL)),
    ):
        with pytest.raises(DspError) as caught:
            platform.call(operation, body)
        assert "\n" not in caught.value.message
        assert caught.value.message.endswith(".")


def test_lost_repository_starts_anew_and_says_no_old_things(platform: Platform) -> None:
    export(platform, message="old")
    shutil.rmtree(platform.paths.specs)
    assert export(platform, "c = 7.0", MODEL, message="new").version == 1
    assert platform.call("model.specs", {}).items[0].message == "new"


def test_killed_maker_of_the_repository_leaves_nothing_in_the_way(platform: Platform) -> None:
    stale = platform.paths.specs.with_name(".specs.git.new.1")
    (stale / "objects").mkdir(parents=True)
    assert export(platform).version == 1
    assert not stale.exists()


# -- lists ---------------------------------------------------------------------------------------------------


def test_specs_are_filtered_sorted_and_paged(platform: Platform) -> None:
    for number in (3, 1, 2):
        export(platform, f"c = {number}.0", MODEL, message=f"m{number}")
    export(platform, name="other")
    assert {row.name for row in platform.call("model.specs", {}).items} == {"digits", "other"}
    page = platform.call(
        "model.specs", {"name": "digits", "filter": "params.c > 1.5", "sort": "params.c", "order": "asc"}
    )
    assert [row.params["c"] for row in page.items] == [2.0, 3.0]
    first = platform.call("model.specs", {"name": "digits", "limit": 2, "count": True})
    rest = platform.call("model.specs", {"name": "digits", "limit": 2, "cursor": first.next_cursor})
    assert [row.version for row in (*first.items, *rest.items)] == [3, 2, 1]
    assert first.total == 3
    with pytest.raises(NotFound):
        platform.call("model.spec", {"name": "digits", "version": 9})
    with pytest.raises(NotFound):
        platform.call("model.spec", {"name": "nobody", "version": 1})
    with pytest.raises(InvalidInput):
        platform.call("model.specs", {"filter": "params.c >"})


# -- another repository -----------------------------------------------------------------------------------------


def test_exports_are_pushed_with_their_tags(tmp_path: Path) -> None:
    from dulwich.repo import Repo

    remote = tmp_path / "remote.git"
    remote.mkdir()
    Repo.init_bare(str(remote)).close()
    platform = Platform(Settings(home=tmp_path / "home", specs_remote=str(remote)))
    export(platform)
    export(platform, "c = 2.0", MODEL)
    with Repo(str(remote)) as there:
        refs = {ref.decode() for ref in there.refs.allkeys()}
    assert {"refs/heads/digits", "refs/tags/digits/v1", "refs/tags/digits/v2"} <= refs
    platform.close()


def test_a_remote_that_is_not_there_loses_nothing(tmp_path: Path) -> None:
    platform = Platform(Settings(home=tmp_path / "home", specs_remote=str(tmp_path / "nowhere.git")))
    with pytest.raises(Unavailable, match="exported here"):
        export(platform)
    assert [spec.version for spec in platform.call("model.specs", {"name": "digits"}).items] == [1]
    platform.close()
