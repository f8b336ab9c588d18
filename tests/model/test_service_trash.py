"""Trash, restore, purge and fsck."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from version_makers import add, blobs

from jupyterlab_dsp.errors import Conflict
from jupyterlab_dsp.model.catalog import Catalog
from jupyterlab_dsp.model.plugin import Blob
from jupyterlab_dsp.platform import Platform


def one(version: int) -> dict[str, object]:
    return {"model": "digits", "version": version}


def blob_file(platform: Platform, digest: str) -> Path:
    hexdigits = digest.partition(":")[2]
    return next(path for path in platform.paths.store.rglob("*") if path.is_file() and path.name in hexdigits[2:])


def test_delete_and_restore(platform: Platform) -> None:
    add(platform)
    add(platform)
    trashed = platform.call("model.delete", one(2))
    assert trashed.state == "trashed"
    assert trashed.trashed_at
    assert platform.call("model.delete", one(2)).trashed_at == trashed.trashed_at
    assert [row.version for row in platform.call("model.versions", {"model": "digits"}).items] == [1]
    rows = platform.call("model.versions", {"model": "digits", "state": "trashed"}).items
    assert [row.version for row in rows] == [2]
    with pytest.raises(Conflict, match="in the trash"):
        platform.call("model.resolve", {"model": "digits", "ref": "2"})
    with pytest.raises(Conflict, match="in the trash"):
        platform.call("model.promote", {**one(2), "alias": "production"})
    restored = platform.call("model.restore", one(2))
    assert (restored.state, restored.trashed_at) == ("active", None)
    assert platform.call("model.resolve", {"model": "digits"}).version == 2


def test_version_with_an_alias_is_not_deleted(platform: Platform) -> None:
    add(platform)
    for alias in ("production", "champion"):
        platform.call("model.promote", {**one(1), "alias": alias})
    with pytest.raises(Conflict, match=r"'champion', 'production'.*Point them at another version") as caught:
        platform.call("model.delete", one(1))
    assert caught.value.details["aliases"] == ["champion", "production"]


def test_delete_and_promote_at_the_same_moment_leave_no_dangling_alias(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each writes, then looks at what the other wrote."""
    add(platform)
    original = Catalog.version
    looked = []

    def version(self: Catalog, model: str, number: int) -> object:
        record = original(self, model, number)
        if not looked:
            looked.append(True)  # promote has just seen that the version is active; now somebody deletes it
            platform.call("model.delete", one(1))
        return record

    monkeypatch.setattr(Catalog, "version", version)
    with pytest.raises(Conflict, match="in the trash"):
        platform.call("model.promote", {**one(1), "alias": "production"})
    assert platform.call("model.show", {"model": "digits"}).aliases == {}
    assert platform.call("model.fsck").is_clean


def test_purge_frees_what_nobody_else_needs(platform: Platform) -> None:
    add(platform, weights=b"shared" * 1000)
    add(platform, weights=b"shared" * 1000)
    add(platform, weights=b"alone" * 1000)
    for version in (2, 3):
        platform.call("model.delete", one(version))
    before = blobs(platform)
    planned = platform.call("model.purge", {"dry_run": True})
    assert blobs(platform) == before
    assert platform.call("model.version", one(3)).state == "trashed"
    done = platform.call("model.purge", {})
    after = blobs(platform)
    assert (done.versions, done.blobs, done.freed_bytes) == (planned.versions, planned.blobs, planned.freed_bytes)
    assert done.freed_bytes == sum(before.values()) - sum(after.values()) > 5000
    assert done.versions == 2
    assert done.blobs == 3, "the weights of version 3 and two manifests"
    assert platform.call("model.purge", {}).freed_bytes == 0
    assert platform.call("model.fsck").is_clean
    assert platform.call("model.version", one(1)).state == "active"


def test_purged_version_stays_as_a_tombstone(platform: Platform) -> None:
    add(platform, metrics={"a": 1})
    platform.call("model.delete", one(1))
    platform.call("model.purge", {"model": "digits", "versions": [1]})
    detail = platform.call("model.version", one(1))
    assert (detail.state, detail.files, detail.metrics) == ("purged", [], {"a": 1.0})
    for operation in ("restore", "delete", "download"):
        with pytest.raises(Conflict, match="purged"):
            platform.call(f"model.{operation}", one(1))
    with pytest.raises(Conflict, match="purged"):
        platform.call("model.file", {**one(1), "path": "config"})
    assert add(platform).version == 2
    assert platform.call("model.purge", {"model": "digits", "versions": [1]}).versions == 0


def test_purge_of_one_model_leaves_the_trash_of_others(platform: Platform) -> None:
    for name in ("digits", "other"):
        add(platform, name, weights=name.encode())
        platform.call("model.delete", {"model": name, "version": 1})
    assert platform.call("model.purge", {"model": "digits"}).versions == 1
    assert platform.call("model.restore", {"model": "other", "version": 1}).state == "active"
    assert platform.call("model.fsck").is_clean


def test_purge_keeps_what_runs_and_specs_refer_to(platform: Platform) -> None:
    kept = [platform.store.put(text) for text in (b"artifact", b"spec", b"live")]
    orphan = platform.store.put(b"orphan")
    platform.records.put("run", "a" * 12, {"is_final": True, "artifacts": [{"path": "x", "digest": kept[0].digest}]})
    platform.records.put("spec", "v1", {"digest": kept[1].digest}, scope="digits")
    platform.records.put("run", "b" * 12, {"is_final": False})
    folder = platform.paths.run("b" * 12)
    folder.mkdir(parents=True)
    (folder / "live.json").write_text(f'{{"artifacts": ["{kept[2].digest}"]}}')
    assert platform.call("model.fsck").orphan_bytes == orphan.size_bytes
    done = platform.call("model.purge", {})
    assert (done.blobs, done.freed_bytes) == (1, orphan.size_bytes)
    assert set(blobs(platform)) == {blob.digest for blob in kept}


def test_many_files_are_kept_without_being_on_the_record(platform: Platform) -> None:
    from version_makers import saved

    files = saved(**{f"f{number}": f"{number}".encode() for number in range(100)})
    platform.model.add_version("digits", files, format="pickle")
    assert platform.call("model.purge", {}).blobs == 0
    assert platform.call("model.fsck").blobs == 101


def test_killed_purge_is_finished_by_the_next(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(3):
        add(platform, weights=b"%d" % number * 1000)
        platform.call("model.delete", one(number + 1))

    def die(digest: str) -> int:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(platform.store, "remove", die)
        with pytest.raises(KeyboardInterrupt):
            platform.call("model.purge", {})
    assert platform.call("model.fsck").is_clean
    assert platform.call("model.purge", {}).freed_bytes > 3000
    assert not blobs(platform)


def test_fsck_finds_every_kind_of_damage(platform: Platform) -> None:
    for number in range(5):
        add(platform, weights=b"weights %d" % number)
    details = [platform.call("model.version", one(number)) for number in range(1, 6)]
    assert platform.call("model.fsck").is_clean

    def file_of(version: int) -> Blob:
        file = details[version - 1].files[1]
        return Blob(file.digest, file.size_bytes)

    blob_file(platform, file_of(1).digest).unlink()
    damaged = blob_file(platform, file_of(2).digest)
    os.chmod(damaged, 0o600)
    damaged.write_bytes(b"WEIGHTS 1")
    cut = blob_file(platform, file_of(3).digest)
    os.chmod(cut, 0o600)
    cut.write_bytes(b"we")
    blob_file(platform, details[3].manifest_digest).unlink()
    platform.records.delete("version", f"{5:010d}", scope="digits")
    add(platform)
    model = platform.records.get("model", "digits")
    assert model is not None
    platform.records.put("model", "digits", {**model.doc, "aliases": {"production": 5}})

    report = platform.call("model.fsck")
    assert not report.is_clean
    assert {(problem.kind, problem.where) for problem in report.problems} == {
        ("missing", "digits@1/weights/w"),
        ("corrupt", "digits@2/weights/w"),
        ("corrupt", "digits@3/weights/w"),
        ("unreadable_manifest", "digits@4"),
        ("gap", "digits@5"),
        ("dangling_alias", "digits@production"),
    }
    quick = platform.call("model.fsck", {"read": False})
    assert ("corrupt", "digits@2/weights/w") not in {(problem.kind, problem.where) for problem in quick.problems}


def test_damage_is_found_on_load_and_download(platform: Platform) -> None:
    from jupyterlab_dsp.errors import Corrupt

    platform.model.save_object([1, 2, 3], "digits")
    digest = platform.call("model.version", one(1)).files[0].digest
    damaged = blob_file(platform, digest)
    content = bytearray(damaged.read_bytes())
    content[-2] ^= 1
    os.chmod(damaged, 0o600)
    damaged.write_bytes(content)
    with pytest.raises(Corrupt):
        platform.model.load_object("digits", allow_unsafe=True)
    with pytest.raises(Corrupt):
        platform.call("model.download", one(1))
