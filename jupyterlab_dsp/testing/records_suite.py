"""The conformance suite of ``Records``: subclass it in your tests and give the two fixtures.

    class TestMyRecords(RecordsSuite):
        @pytest.fixture
        def reopen(self, tmp_path):
            return functools.partial(open_my_records, str(tmp_path))   # sent to other processes by pickle

        @pytest.fixture
        def records(self, reopen): ...

``reopen()`` opens the same storage once more; ``records`` is one that is open. What a query means is told by the
plain evaluator in ``filters``; the suite compares with it.
"""

from __future__ import annotations

import functools
import json
import math
import multiprocessing
import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ..errors import Conflict, InvalidInput
from ..filters import fields, matches, parse, sort_key
from ..records import MAX_PAGE, Query, Record, Records

Open = Callable[[], Records]

_NAMES = st.sampled_from(("a", "b", "val acc", "m.x", "é🎉", "_private"))
_PLAIN = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3),
    st.sampled_from((0.5, -0.0, 1.0, 2**53 + 1, 2**63, -(2**64), 10**400, math.nan, math.inf, -math.inf)),
    st.sampled_from(("", "a", "B", "abc", "é🎉", "3", "true", "null", "x" * 255 + "a", "x" * 300, "x" * 300 + "y")),
)
_VALUES = st.one_of(_PLAIN, st.lists(_PLAIN, max_size=3), st.dictionaries(_NAMES, _PLAIN, max_size=2))
DOCUMENTS = st.dictionaries(_NAMES, _VALUES, max_size=4)
PATHS = st.sampled_from(("a", "b", "a.b", '"val acc"', "m.x", "b.m.x", '"é🎉"', "_private", "nowhere"))
_WORDS = st.sampled_from(("0", "1", "-2", "0.5", "a", "abc", '"3"', "3", "true", '"true"', "null", '"é🎉"', "x", "B"))
_LONG = st.sampled_from(("x" * 255, "x" * 256, "x" * 300, "x" * 300 + "y", "1e999", "9223372036854775808"))
_LITERALS = st.one_of(_WORDS, _WORDS, _LONG)
_CONDITIONS = st.one_of(
    st.builds("{} {} {}".format, PATHS, st.sampled_from(("=", "!=", "~")), _LITERALS),
    st.builds(
        "{} {} {}".format,
        PATHS,
        st.sampled_from((">", ">=", "<", "<=")),
        _LITERALS.filter(lambda text: text not in ("true", "null")),
    ),
    st.builds("{} in ({}, {})".format, PATHS, _LITERALS, _LITERALS),
    st.builds("has {}".format, PATHS),
)
FILTERS = st.one_of(
    st.just(""),
    st.recursive(
        _CONDITIONS,
        lambda inner: st.one_of(
            st.builds("({}) and {}".format, inner, inner),
            st.builds("({}) or {}".format, inner, inner),
            st.builds("not ({})".format, inner),
        ),
        max_leaves=4,
    ),
)


def expected(records: Iterable[Record], query: Query) -> list[Record]:
    """All records that match, in order, by the plain evaluator."""
    node = parse(query.where)
    found = [record for record in records if matches(node, record.doc)]
    found.sort(key=lambda record: (record.scope, record.key), reverse=query.descending)
    if query.sort:
        places = [(sort_key(fields(record.doc).get(query.sort)), record) for record in found]
        placed = sorted(
            (each for each in places if each[0] is not None), key=lambda each: each[0] or (), reverse=query.descending
        )
        found = [record for _, record in placed] + [record for place, record in places if place is None]
    return found


def read_all(records: Records, kind: str, query: Query, scope: str | None = "") -> list[Record]:
    """Every page, one after the other."""
    found: list[Record] = []
    cursor: str | None = None
    while True:
        page = records.list(kind, Query(query.where, query.sort, query.descending, query.limit, cursor), scope=scope)
        assert len(page.items) <= query.limit
        found += page.items
        cursor = page.next_cursor
        if cursor is None:
            return found


def same(left: Any, right: Any) -> bool:
    """Equal as stored JSON; NaN is itself here."""
    return json.dumps(left) == json.dumps(right)


def append_many(open_: Open, count: int) -> list[int]:
    """Append from another process; the numbers that were given."""
    records = open_()
    try:
        return [records.append("run", {"i": i}, scope="s", number_field="n").doc["n"] for i in range(count)]
    finally:
        records.close()


def count_up(open_: Open, count: int) -> int:
    """Add one to a document ``count`` times by compare-and-set; how often somebody else was faster."""
    records = open_()
    lost = 0
    try:
        for _ in range(count):
            while True:
                record = records.get("counter", "one")
                assert record is not None
                try:
                    records.put("counter", "one", {"value": record.doc["value"] + 1}, expect=record.revision)
                    break
                except Conflict:
                    lost += 1
    finally:
        records.close()
    return lost


class RecordsSuite:
    """Subclass as ``Test...``; see the module."""

    @pytest.fixture
    def reopen(self) -> Open:
        raise NotImplementedError("give the fixture 'reopen'")

    @pytest.fixture
    def records(self, reopen: Open) -> Iterable[Records]:
        opened = reopen()
        yield opened
        opened.close()

    # ---- one record -------------------------------------------------------------------------------------------

    def test_it_is_a_records_plugin(self, records: Records) -> None:
        assert isinstance(records, Records)

    def test_put_then_get_gives_the_document(self, records: Records) -> None:
        doc = {"text": "é🎉\x00\u2028", "n": 1, "f": 1.5, "t": True, "none": None, "deep": {"list": [1, {"a": []}]}}
        stored = records.put("run", "one", doc)
        assert stored == Record("run", "", "one", 1, doc)
        assert records.get("run", "one") == stored
        assert records.get("run", "two") is None
        assert records.get("other", "one") is None
        assert records.get("run", "one", scope="s") is None

    @pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf, 2**63, -(2**70), 10**400, 1e-320, -0.0])
    def test_odd_numbers_come_back_as_they_were(self, records: Records, number: float) -> None:
        records.put("run", "one", {"metrics": {"loss": number}})
        found = records.get("run", "one")
        assert found is not None
        assert same(found.doc, {"metrics": {"loss": number}})

    @pytest.mark.parametrize("name", ["a b", "é🎉", "a/b", "'\"", "%_", "x" * 5000, "\x00", "\n", "."])
    def test_any_text_is_a_key_and_a_scope(self, records: Records, name: str) -> None:
        records.put("run", name, {"name": name}, scope=name)
        found = records.get("run", name, scope=name)
        assert found is not None
        assert found.doc == {"name": name}
        assert [each.key for each in records.list("run", scope=name).items] == [name]

    @pytest.mark.parametrize("doc", [{"a": object()}, {"a": {1, 2}}, {"a": b"x"}])
    def test_what_json_cannot_hold_is_refused(self, records: Records, doc: Mapping[str, Any]) -> None:
        with pytest.raises(InvalidInput):
            records.put("run", "one", doc)
        assert records.get("run", "one") is None

    def test_nesting_without_end_is_refused_or_kept(self, records: Records) -> None:
        doc: dict[str, Any] = {}
        doc["self"] = doc
        with pytest.raises(InvalidInput):
            records.put("run", "one", doc)

    def test_what_is_handed_in_and_out_is_a_copy(self, records: Records) -> None:
        doc = {"list": [1]}
        stored = records.put("run", "one", doc)
        doc["list"].append(2)
        stored.doc["list"].append(3)
        found = records.get("run", "one")
        assert found is not None
        assert found.doc == {"list": [1]}

    def test_revisions_grow_by_one(self, records: Records) -> None:
        assert [records.put("run", "one", {"i": i}).revision for i in range(3)] == [1, 2, 3]

    def test_compare_and_set_holds(self, records: Records) -> None:
        with pytest.raises(Conflict):
            records.put("run", "one", {}, expect=1)
        records.put("run", "one", {"i": 1}, expect=0)
        for wrong in (0, 2):
            with pytest.raises(Conflict):
                records.put("run", "one", {"i": 2}, expect=wrong)
            with pytest.raises(Conflict):
                records.delete("run", "one", expect=wrong)
        found = records.get("run", "one")
        assert found is not None
        assert (found.revision, found.doc) == (1, {"i": 1})
        assert records.put("run", "one", {"i": 2}, expect=1).revision == 2
        assert records.delete("run", "one", expect=2)
        assert not records.delete("run", "one")
        assert records.get("run", "one") is None

    def test_records_survive_reopening(self, records: Records, reopen: Open) -> None:
        records.put("run", "one", {"i": 1})
        records.close()
        again = reopen()
        try:
            found = again.get("run", "one")
            assert found is not None
            assert found.doc == {"i": 1}
        finally:
            again.close()

    # ---- numbers ----------------------------------------------------------------------------------------------

    def test_append_numbers_each_scope_from_one(self, records: Records) -> None:
        first = records.append("run", {"x": 1}, scope="a", number_field="n")
        assert (first.key, first.doc, first.revision) == ("0000000001", {"x": 1, "n": 1}, 1)
        assert records.append("run", {}, scope="a", number_field="n").doc["n"] == 2
        assert records.append("run", {}, scope="b", number_field="n").doc["n"] == 1
        assert records.append("version", {}, scope="a", number_field="n").doc["n"] == 1

    def test_numbers_of_deleted_records_are_not_given_again(self, records: Records, reopen: Open) -> None:
        for _ in range(3):
            last = records.append("run", {}, scope="s", number_field="n")
        records.delete("run", last.key, scope="s")
        assert records.append("run", {}, scope="s", number_field="n").doc["n"] == 4
        records.delete("run", "0000000004", scope="s")
        again = reopen()
        try:
            assert again.append("run", {}, scope="s", number_field="n").doc["n"] == 5
        finally:
            again.close()

    def test_a_refused_append_takes_no_number(self, records: Records) -> None:
        with pytest.raises(InvalidInput):
            records.append("run", {"x": object()}, scope="s", number_field="n")
        assert records.append("run", {}, scope="s", number_field="n").doc["n"] == 1

    # ---- many at once -----------------------------------------------------------------------------------------

    def test_threads_append_without_gap_or_double(self, records: Records) -> None:
        def work(_: int) -> list[int]:
            return [records.append("run", {}, scope="s", number_field="n").doc["n"] for _ in range(10)]

        with ThreadPoolExecutor(8) as pool:
            numbers = [number for part in pool.map(work, range(8)) for number in part]
        assert sorted(numbers) == list(range(1, 81))

    @pytest.mark.slow
    def test_processes_append_without_gap_or_double(self, records: Records, reopen: Open) -> None:
        with ProcessPoolExecutor(4, mp_context=multiprocessing.get_context("spawn")) as pool:
            parts = list(pool.map(append_many, [reopen] * 4, [20] * 4))
        assert sorted(number for part in parts for number in part) == list(range(1, 81))
        assert all(part == sorted(part) for part in parts)

    def test_threads_lose_no_update(self, records: Records) -> None:
        records.put("counter", "one", {"value": 0})
        shared = functools.partial(_Borrowed, records)
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(count_up, [shared] * 4, [10] * 4))
        found = records.get("counter", "one")
        assert found is not None
        assert (found.doc, found.revision) == ({"value": 40}, 41)

    @pytest.mark.slow
    def test_processes_lose_no_update(self, records: Records, reopen: Open) -> None:
        records.put("counter", "one", {"value": 0})
        with ProcessPoolExecutor(3, mp_context=multiprocessing.get_context("spawn")) as pool:
            list(pool.map(count_up, [reopen] * 3, [15] * 3))
        found = records.get("counter", "one")
        assert found is not None
        assert found.doc == {"value": 45}

    def test_of_many_creators_one_wins(self, records: Records) -> None:
        barrier = threading.Barrier(8)

        def create(i: int) -> bool:
            barrier.wait()
            try:
                records.put("run", "one", {"i": i}, expect=0)
            except Conflict:
                return False
            return True

        with ThreadPoolExecutor(8) as pool:
            assert sum(pool.map(create, range(8))) == 1

    # ---- lists ------------------------------------------------------------------------------------------------

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(data=st.data())
    def test_lists_agree_with_the_plain_evaluator(self, reopen: Open, data: st.DataObject) -> None:
        records = reopen()
        try:
            self._check_lists(records, data)
        finally:
            records.close()

    def _check_lists(self, records: Records, data: st.DataObject) -> None:
        for record in read_all(records, "run", Query(limit=MAX_PAGE), None):
            records.delete("run", record.key, scope=record.scope)
        keys = st.sampled_from(("1", "2", "3", "é", "🎉"))
        for scope, key, doc in data.draw(
            st.lists(st.tuples(st.sampled_from(("", "s", "t")), keys, DOCUMENTS), max_size=12), "documents"
        ):
            records.put("run", key, doc, scope=scope)
        stored = [
            record for scope in ("", "s", "t") for record in read_all(records, "run", Query(limit=MAX_PAGE), scope)
        ]
        for _ in range(8):
            sort = data.draw(st.one_of(st.just(""), PATHS), "sort").replace('"', "")
            limit = data.draw(st.integers(1, 4), "limit")
            query = Query(data.draw(FILTERS, "filter"), sort, data.draw(st.booleans(), "descending"), limit)
            for within in ("", "s", None):
                wanted = expected([each for each in stored if within is None or each.scope == within], query)
                found = read_all(records, "run", query, within)
                assert [(each.scope, each.key) for each in found] == [(each.scope, each.key) for each in wanted]
                assert same([each.doc for each in found], [each.doc for each in wanted])
                counted = records.list("run", Query(query.where, limit=1, count=True), scope=within)
                assert counted.total == len(wanted)

    def test_lists_with_many_records_page_without_gap(self, records: Records) -> None:
        for i in range(250):
            doc: dict[str, Any] = {"metrics": {"a": i % 7 / 7, "b": i * 37 % 101}}
            if i % 5 == 0:
                del doc["metrics"]["a"]
            records.append("run", doc, scope="s", number_field="n")
        stored = list(records.list("run", Query(limit=MAX_PAGE), scope="s").items)
        for where in ("", "metrics.b > 50", "metrics.b = 36", "metrics.b > 99 and metrics.a >= 0"):
            for sort in ("", "metrics.a", "metrics.b", "n", "nowhere"):
                for descending in (False, True):
                    query = Query(where, sort, descending, limit=17)
                    found = [each.key for each in read_all(records, "run", query, "s")]
                    assert found == [each.key for each in expected(stored, query)], query

    def test_updated_and_deleted_values_are_found_no_more(self, records: Records) -> None:
        records.put("run", "one", {"a": 1, "b": {"c": "x"}})
        records.put("run", "one", {"a": 2, "b": [1]})
        assert not records.list("run", Query("a = 1")).items
        assert not records.list("run", Query("has b.c")).items
        assert records.list("run", Query("a = 2 and b = 1")).items
        records.delete("run", "one")
        assert not records.list("run", Query("a = 2")).items
        assert records.list("run", Query(count=True)).total == 0

    def test_paging_goes_on_while_records_come_and_go(self, records: Records) -> None:
        for i in range(10):
            records.put("run", f"{i}", {"a": i})
        first = records.list("run", Query(sort="a", limit=4))
        records.delete("run", "3")
        records.put("run", "45", {"a": 4.5})
        rest = records.list("run", Query(sort="a", limit=50, cursor=first.next_cursor))
        assert [each.key for each in rest.items] == ["4", "45", "5", "6", "7", "8", "9"]

    @pytest.mark.parametrize("cursor", ["", "x", "é", "AAAA", "bnVsbA", "W10", "x" * 10_000])
    def test_a_wrong_cursor_is_refused(self, records: Records, cursor: str) -> None:
        with pytest.raises(InvalidInput) as caught:
            records.list("run", Query(cursor=cursor))
        assert caught.value.details["field"] == "cursor"

    def test_the_cursor_of_another_query_is_refused(self, records: Records) -> None:
        for i in range(3):
            records.put("run", f"{i}", {"a": i})
        given = records.list("run", Query(limit=1)).next_cursor
        assert records.list("run", Query(limit=2, cursor=given)).items
        for other in (Query("a > 0", cursor=given), Query(sort="a", cursor=given), Query("", "", True, 1, given)):
            with pytest.raises(InvalidInput) as caught:
                records.list("run", other)
            assert caught.value.details["field"] == "cursor"
        with pytest.raises(InvalidInput):
            records.list("version", Query(cursor=given))

    @pytest.mark.parametrize(("query", "field"), [(Query("a >"), "filter"), (Query(limit=0), "limit")])
    def test_a_wrong_query_names_the_field(self, records: Records, query: Query, field: str) -> None:
        with pytest.raises(InvalidInput) as caught:
            records.list("run", query)
        assert caught.value.details["field"] == field

    # ---- changes ----------------------------------------------------------------------------------------------

    def test_changes_tell_the_last_change_of_each_record(self, records: Records) -> None:
        start, none = records.changes(None)
        assert not none
        assert records.changes(start) == (start, ()) or list(records.changes(start)[1]) == []
        records.put("run", "one", {})
        records.put("run", "two", {}, scope="s")
        records.put("run", "one", {"a": 1})
        records.append("version", {}, scope="m", number_field="n")
        records.delete("run", "two", scope="s")
        newest, found = records.changes(start)
        assert [(each.kind, each.scope, each.key, each.deleted) for each in found] == [
            ("run", "", "one", False),
            ("version", "m", "0000000001", False),
            ("run", "s", "two", True),
        ]
        assert newest == found[-1].seq > start
        assert not records.changes(newest)[1]
        records.put("run", "two", {}, scope="s")
        assert [(each.key, each.deleted) for each in records.changes(newest)[1]] == [("two", False)]
        assert ("two", True) not in [(each.key, each.deleted) for each in records.changes(start)[1]]

    def test_changes_come_in_parts(self, records: Records) -> None:
        since, _ = records.changes(None)
        for i in range(7):
            records.put("run", f"{i}", {})
        records.delete("run", "3")
        found = []
        while True:
            since, part = records.changes(since, 2)
            if not part:
                break
            assert len(part) <= 2
            found += [each.key for each in part]
        assert found == ["0", "1", "2", "4", "5", "6", "3"]

    def test_a_number_from_the_future_gives_the_newest(self, records: Records) -> None:
        newest, _ = records.changes(None)
        assert records.changes(newest + 1000)[0] == newest

    def test_changes_of_others_are_seen(self, records: Records, reopen: Open) -> None:
        since, _ = records.changes(None)
        other = reopen()
        try:
            other.put("run", "one", {})
        finally:
            other.close()
        assert [each.key for each in records.changes(since)[1]] == ["one"]


class _Borrowed:
    """Lends open records to what would close its own."""

    def __init__(self, records: Records) -> None:
        self._records = records

    def __getattr__(self, name: str) -> Any:
        return getattr(self._records, name)

    def close(self) -> None:
        """Not ours."""
