"""Models and versions: adding, finding, changing, listing."""

from __future__ import annotations

import io
import math
import zipfile
from typing import Any

import numpy as np
import pytest
from version_makers import add, blobs, saved

from jupyterlab_dsp.errors import Conflict, InvalidInput, NotFound, UnsafeFormat
from jupyterlab_dsp.model.plugin import Saved
from jupyterlab_dsp.platform import Platform


def test_versions_count_from_one_and_keep_what_was_said(platform: Platform) -> None:
    first = add(platform, metrics={"val_accuracy": np.float32(0.5), "lost": math.nan}, params={"lr": np.float64(0.1)})
    second = add(
        platform, weights=b"other", tags={"stage": "nightly"}, message="why", notebook="a/b.ipynb", run_id="0" * 12
    )
    assert (first.version, second.version) == (1, 2)
    assert first.metrics == {"val_accuracy": 0.5, "lost": None}
    assert first.params == {"lr": 0.1}
    detail = platform.call("model.version", {"model": "digits", "version": 2})
    assert detail.tags == {"stage": "nightly"}
    assert (detail.message, detail.notebook, detail.created_by) == ("why", "a/b.ipynb", "tester")
    assert [file.path for file in detail.files] == ["config", "weights/w"]
    assert detail.size_bytes == len(b"other") + 2
    assert [step.noun for step in detail.lineage] == ["notebook", "run", "version"]
    assert 'dsp.load("digits@2")' in detail.load_code


def test_model_shows_newest_active_version(platform: Platform) -> None:
    for number in range(3):
        add(platform, metrics={"loss": 1.0, "val_accuracy": number})
    platform.call("model.delete", {"model": "digits", "version": 3})
    model = platform.call("model.show", {"model": "digits"})
    assert (model.latest_version, model.version_count, model.headline) == (2, 3, "val_accuracy")
    assert model.latest.metrics["val_accuracy"] == 1.0


def test_list_shows_last_changed_first(platform: Platform) -> None:
    for name in ("a", "b", "a2"):
        add(platform, name)
    add(platform, "a")
    assert [model.name for model in platform.call("model.list").items] == ["a", "a2", "b"]
    page = platform.call("model.list", {"sort": "name", "order": "asc", "limit": 2, "count": True})
    assert ([model.name for model in page.items], page.total) == (["a", "a2"], 3)
    page = platform.call("model.list", {"sort": "name", "order": "asc", "limit": 2, "cursor": page.next_cursor})
    assert [model.name for model in page.items] == ["b"]
    assert [model.name for model in platform.call("model.list", {"filter": "name ~ 2"}).items] == ["a2"]


@pytest.mark.parametrize(("ref", "version"), [("latest", 3), ("2", 2), ("v2", 2), ("production", 1)])
def test_resolve(platform: Platform, ref: str, version: int) -> None:
    for _ in range(3):
        add(platform)
    platform.call("model.promote", {"model": "digits", "alias": "production", "version": 1})
    assert platform.call("model.resolve", {"model": "digits", "ref": ref}).version == version


@pytest.mark.parametrize(
    ("operation", "request_", "error", "says"),
    [
        ("resolve", {"model": "digits", "ref": "0"}, InvalidInput, "no version 0"),
        ("resolve", {"model": "digits", "ref": "v99999999999"}, NotFound, "no alias"),
        ("resolve", {"model": "digits", "ref": "champion"}, NotFound, "It has: production"),
        ("resolve", {"model": "digit"}, NotFound, "Did you mean 'digits'"),
        ("version", {"model": "digits", "version": 7}, NotFound, "versions 1 to 2"),
        ("version", {"model": "digits", "version": 0}, InvalidInput, "'version' is wrong"),
        ("versions", {"model": "nothing"}, NotFound, "nothing"),
        ("versions", {"model": "digits", "filter": "acc >"}, InvalidInput, "too early"),
        ("versions", {"model": "digits", "filter": "alias > 3"}, InvalidInput, "alias"),
        ("versions", {"model": "digits", "cursor": "rubbish"}, InvalidInput, ""),
        ("promote", {"model": "digits", "alias": "3", "version": 1}, InvalidInput, "'alias' is wrong"),
        ("promote", {"model": "digits", "alias": "latest", "version": 1}, InvalidInput, "'alias' is wrong"),
        ("promote", {"model": "digits", "alias": "a", "version": 9}, NotFound, "no version 9"),
        ("unalias", {"model": "digits", "alias": "a"}, NotFound, "It has: production"),
        ("describe", {"model": "nothing"}, NotFound, "nothing"),
        ("history", {"model": "nothing"}, NotFound, "nothing"),
        ("file", {"model": "digits", "version": 1, "path": "../../records.sqlite"}, InvalidInput, "not a path"),
        ("file", {"model": "digits", "version": 1, "path": "/etc/passwd"}, InvalidInput, "not a path"),
        ("file", {"model": "digits", "version": 1, "path": "weights\\w"}, InvalidInput, "not a path"),
        ("file", {"model": "digits", "version": 1, "path": "a\x00b"}, InvalidInput, "path"),
        ("file", {"model": "digits", "version": 1, "path": "absent"}, NotFound, "no file 'absent'"),
        ("purge", {"versions": [1]}, InvalidInput, "together with their model"),
        ("purge", {"model": "digits", "versions": [1]}, Conflict, "not in the trash"),
        ("purge", {"model": "digits", "versions": [9]}, NotFound, "no version 9"),
        ("purge", {"model": "nothing"}, NotFound, "nothing"),
        ("fsck", {"model": "nothing"}, NotFound, "nothing"),
        ("download", {"model": "digits", "version": 9}, NotFound, "no version 9"),
    ],
)
def test_wrong_input_says_what_is_wrong(
    platform: Platform, operation: str, request_: dict[str, Any], error: type[Exception], says: str
) -> None:
    add(platform)
    add(platform)
    platform.call("model.promote", {"model": "digits", "alias": "production", "version": 2})
    with pytest.raises(error) as caught:
        platform.call(f"model.{operation}", request_)
    assert says in str(caught.value)


@pytest.mark.parametrize("name", ["", "a/b", "../a", "a..b", "-a", "ä", "😀", "a" * 101, "a b", "a.lock", 3])
def test_bad_model_names_are_refused(platform: Platform, name: Any) -> None:
    with pytest.raises(InvalidInput, match="cannot be the name"):
        add(platform, name)
    assert not blobs(platform)


@pytest.mark.parametrize("path", ["/abs", "../up", "a/../b", "a//b", "", "C:/x", "a\\b", "./a"])
def test_bad_file_paths_are_refused(platform: Platform, path: str) -> None:
    files = saved(a=b"1")
    files.files[0].path = path
    with pytest.raises(InvalidInput):
        platform.model.add_version("digits", files, format="pickle")
    assert platform.call("model.list").items == []


def test_nothing_to_store_is_refused(platform: Platform) -> None:
    with pytest.raises(InvalidInput, match="at least one file"):
        platform.model.add_version("digits", Saved([]), format="pickle")
    with pytest.raises(InvalidInput, match="'acc' is not a number"):
        add(platform, metrics={"acc": "high"})


def test_describe_and_annotate_change_only_what_is_given(platform: Platform) -> None:
    add(platform, tags={"a": "1"})
    platform.call("model.describe", {"model": "digits", "description": "hand-written digits"})
    model = platform.call("model.describe", {"model": "digits", "tags": {"team": "vision"}, "headline": "f1"})
    assert (model.description, model.tags, model.headline) == ("hand-written digits", {"team": "vision"}, "f1")
    version = platform.call("model.annotate", {"model": "digits", "version": 1, "description": "first"})
    assert (version.description, version.tags) == ("first", {"a": "1"})
    assert platform.call("model.annotate", {"model": "digits", "version": 1, "tags": {}}).tags == {}


def test_versions_filter_sort_and_pages(platform: Platform) -> None:
    for number in range(1, 8):
        add(
            platform,
            metrics={"val_accuracy": number / 10} if number != 4 else {},
            params={"lr": 1 / number},
            tags={"stage": "nightly" if number % 2 else "manual"},
        )
    platform.call("model.promote", {"model": "digits", "alias": "production", "version": 2})

    def found(**request: Any) -> list[int]:
        return [row.version for row in platform.call("model.versions", {"model": "digits", **request}).items]

    assert found() == [7, 6, 5, 4, 3, 2, 1]
    assert found(order="asc", limit=2) == [1, 2]
    assert found(filter="val_accuracy > 0.45") == [7, 6, 5]
    assert found(filter="tag.stage = nightly and lr < 0.3") == [7, 5]
    assert found(filter="version in (2, 3)") == [3, 2]
    assert found(filter="alias = production") == [2]
    assert found(filter="alias = nobody") == []
    assert found(filter="not has alias", limit=3) == [7, 6, 5]
    assert found(sort="val_accuracy") == [7, 6, 5, 3, 2, 1, 4]
    assert found(sort="val_accuracy", order="asc") == [1, 2, 3, 5, 6, 7, 4]
    assert found(sort="lr", limit=2) == [1, 2]
    page = platform.call("model.versions", {"model": "digits", "sort": "val_accuracy", "limit": 3, "count": True})
    assert page.total == 7
    rest = platform.call("model.versions", {"model": "digits", "sort": "val_accuracy", "cursor": page.next_cursor})
    assert [row.version for row in [*page.items, *rest.items]] == [7, 6, 5, 3, 2, 1, 4]
    assert platform.call("model.versions", {"model": "digits", "filter": "version = 2"}).items[0].aliases == [
        "production"
    ]


def test_promote_moves_an_alias_only_from_where_it_is_expected(platform: Platform) -> None:
    add(platform)
    add(platform)
    request = {"model": "digits", "alias": "production", "version": 1}
    assert platform.call("model.promote", request).aliases == {"production": 1}
    with pytest.raises(Conflict, match="points at version 1, not at version 2"):
        platform.call("model.promote", {**request, "version": 2, "expect": 2})
    assert platform.call("model.promote", {**request, "version": 2, "expect": 1}).aliases == {"production": 2}
    with pytest.raises(Conflict, match="points at nothing"):
        platform.call("model.promote", {**request, "alias": "other", "expect": 1})
    assert platform.call("model.unalias", {"model": "digits", "alias": "production"}).aliases == {}


def test_history_is_oldest_first_and_leaves_deleted_ones_out(platform: Platform) -> None:
    for number in range(1, 5):
        add(platform, metrics={"val_accuracy": number / 10, **({"f1": 0.5} if number > 2 else {})})
    platform.call("model.delete", {"model": "digits", "version": 2})
    platform.call("model.promote", {"model": "digits", "alias": "best", "version": 4})
    history = platform.call("model.history", {"model": "digits"})
    assert (history.metric, history.metrics) == ("val_accuracy", ["f1", "val_accuracy"])
    assert [(point.version, point.value) for point in history.points] == [(1, 0.1), (3, 0.3), (4, 0.4)]
    assert history.points[-1].aliases == ["best"]
    limited = platform.call("model.history", {"model": "digits", "metric": "f1", "limit": 2})
    assert [(point.version, point.value) for point in limited.points] == [(3, 0.5), (4, 0.5)]


def test_file_and_download(platform: Platform) -> None:
    add(platform, weights=b"12345", requirements=["keras==3.0"])
    one = platform.call("model.file", {"model": "digits", "version": 1, "path": "weights/w"})
    with one.stream:
        assert (one.filename, one.size_bytes, one.stream.read()) == ("w", 5, b"12345")
    whole = platform.call("model.download", {"model": "digits", "version": 1})
    with whole.stream:
        data = whole.stream.read()
    assert (whole.filename, whole.size_bytes, whole.media_type) == ("digits-v1.zip", len(data), "application/zip")
    archive = zipfile.ZipFile(io.BytesIO(data))
    assert archive.testzip() is None
    assert archive.read("digits-v1/model/weights/w") == b"12345"
    assert archive.read("digits-v1/requirements.txt") == b"keras==3.0\n"
    compile(archive.read("digits-v1/load.py"), "load.py", "exec")
    again = platform.call("model.download", {"model": "digits", "version": 1})
    with again.stream:
        assert again.stream.read() == data


def test_version_of_a_format_that_is_not_installed_can_still_be_downloaded(platform: Platform) -> None:
    add(platform, format="somebody-elses")
    with platform.call("model.download", {"model": "digits", "version": 1}).stream as stream:
        assert zipfile.ZipFile(io.BytesIO(stream.read())).testzip() is None
    with pytest.raises(InvalidInput, match="somebody-elses"):
        platform.model.load_object("digits")


def test_copy_takes_the_files_and_changes_the_rest(platform: Platform) -> None:
    add(platform, weights=b"x" * 10_000, metrics={"a": 1}, params={"lr": 1}, tags={"t": "1"}, requirements=["k==1"])
    before = blobs(platform)
    copied = platform.model.copy_version("digits@1", metrics={"a": 2}, message="measured again")
    new = {digest: size for digest, size in blobs(platform).items() if digest not in before}
    assert len(new) == 1, "only a manifest"
    detail = platform.call("model.version", {"model": "digits", "version": 2})
    assert (copied.version, detail.metrics, detail.params, detail.tags) == (2, {"a": 2.0}, {"lr": 1}, {"t": "1"})
    assert detail.requirements == ["k==1"]
    assert platform.model.copy_version("digits@1", "other").model == "other"


def test_objects_come_back_and_unsafe_ones_only_when_allowed(platform: Platform) -> None:
    stored = platform.model.save_object({"weights": [1, 2]}, "thing", metrics={"a": 1})
    assert stored.unsafe_reason
    for ref in ("thing", "thing@1", "thing@v1", "thing@latest"):
        with pytest.raises(UnsafeFormat) as caught:
            platform.model.load_object(ref)
        assert 'dsp.load("thing@1", allow_unsafe=True)' in str(caught.value)
        assert platform.model.load_object(ref, allow_unsafe=True) == {"weights": [1, 2]}
    assert not list(platform.paths.scratch.iterdir())
    assert "allow_unsafe=True" in platform.call("model.resolve", {"model": "thing"}).load_code


@pytest.mark.parametrize("ref", ["", "@3", "digits@", "a/b@3", 3, "digits@0"])
def test_bad_refs_are_refused(platform: Platform, ref: Any) -> None:
    with pytest.raises(InvalidInput):
        platform.model.load_object(ref)


def test_same_weights_are_stored_once(platform: Platform) -> None:
    weights = b"w" * 1_000_000
    for number in range(20):
        add(platform, weights=weights, metrics={"a": number})
    assert sum(blobs(platform).values()) < 1.02 * len(weights)
