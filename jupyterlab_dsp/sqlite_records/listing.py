"""How a page is found: by walking an index in the order asked for, or by the most selective condition.

Walking costs in proportion to limit / (share of records that pass), the condition in proportion to the records
that fulfil it. A bounded count says which is less, so that neither depends on how many records there are.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ..filters import TEXT_PREFIX, And, Compare, Has, In, Node, Not, Or, Scalar, Value, encodable, parse
from ..records import Query
from .connections import Link
from .cursors import Position, read_cursor, write_cursor
from .schema import FALSE, TRUE

#: what stands before every value without a place in the order
_SORTABLE = "x'02'"
_OPS = {">": "> ? AND {v} < {end}", ">=": ">= ? AND {v} < {end}", "<": "< ? AND {v} >= {start}"}
_OPS["<="] = "<= ? AND {v} >= {start}"


@dataclass(slots=True)
class Sql:
    """A piece of SQL with its parameters."""

    text: str
    params: list[Any] = field(default_factory=list)

    def __add__(self, other: Sql) -> Sql:
        return Sql(f"{self.text} {other.text}", self.params + other.params)


@dataclass(frozen=True, slots=True)
class Hit:
    """Where a record of the page is, and its value at the sort path (None: it has no place in the order)."""

    space: int
    scope: str
    key: str
    value: Any


class Listing:
    """One query over one scope or (scope None) all scopes of a kind, inside one read."""

    def __init__(self, link: Link, kind: str, scope: str | None, query: Query) -> None:
        self._link = link
        self._execute = link.connection.execute
        self._query = query
        self._several = scope is None
        self._context = [kind, scope, query.where, query.sort, query.descending]
        self._sort = encodable(query.sort)
        node = parse(query.where)
        self._conditions: Sequence[Node] = node.items if isinstance(node, And) else (node,)
        self._after = read_cursor(query.cursor, self._context)
        self._direction = "DESC" if query.descending else "ASC"
        self._beyond = "<" if query.descending else ">"
        if scope is None:
            self._spaces = Sql("s.kind = ?", [kind])
        else:
            self._spaces = Sql("s.kind = ? AND s.scope = ?", [kind, scope])
        link.parts.clear()

    def page(self) -> tuple[list[Hit], str | None]:
        """The hits of this page, and the cursor of the next."""
        limit = self._query.limit
        hits = self._hits(limit + 1)
        if len(hits) <= limit:
            return hits, None
        last = hits[limit - 1]
        return hits[:limit], write_cursor(Position(last.value, last.scope, last.key), self._context)

    def count(self) -> int:
        """How many records match, on all pages."""
        if not self._conditions:
            return self._records()
        sql = self._from_best(self._records())
        return int(self._one(Sql("SELECT count(*)") + sql))

    # ---- ways to find the page --------------------------------------------------------------------------------

    def _hits(self, wanted: int) -> list[Hit]:
        records = self._records()
        if not records:
            return []
        # n candidates cost n steps; the walk is expected to cost wanted * records / n
        affordable = max(200, math.isqrt(wanted * records))
        driver = self._driver(affordable) if self._conditions else None
        if not self._query.sort:
            return self._by_key(driver, wanted)
        path = self._path(self._sort)
        if path is None:
            return self._by_key(driver, wanted)
        if driver is None and not self._several:
            return self._walk(path, wanted)
        return self._sorted(driver, path, wanted)

    def _by_key(self, driver: int | None, wanted: int) -> list[Hit]:
        sql = Sql("SELECT b.space, s.scope, b.key, NULL") + self._from(driver)
        if self._after is not None:
            sql += self._beyond_key(self._after)
        return self._rows(sql, self._order_by_key(), wanted)

    def _sorted(self, driver: int | None, path: int, wanted: int) -> list[Hit]:
        """All candidates, sorted: for few of them, or for several scopes, which have no common index."""
        join = f"LEFT JOIN field v ON v.space = b.space AND v.key = b.key AND v.path = ? AND v.value < {_SORTABLE}"
        sql = Sql("SELECT b.space, s.scope, b.key, v.value") + self._from(driver, Sql(join, [path]))
        if (after := self._after) is not None:
            if after.value is None:
                sql += Sql("AND v.value IS NULL") + self._beyond_key(after)
            else:
                text = f"AND (v.value IS NULL OR (v.value, s.scope, b.key) {self._beyond} (?, ?, ?))"
                sql += Sql(text, [after.value, after.scope, after.key])
        return self._rows(sql, f"v.value IS NULL, v.value {self._direction}, {self._order_by_key()}", wanted)

    def _walk(self, path: int, wanted: int) -> list[Hit]:
        """Down the index of the sort path in one scope, then the records that have no place in it."""
        space, scope, records = self._execute(
            f"SELECT s.id, s.scope, s.records FROM space s WHERE {self._spaces.text}", self._spaces.params
        ).fetchone()
        after = self._after
        hits: list[Hit] = []
        if after is None or after.value is not None:
            sql = Sql(
                f"SELECT b.space, ?, b.key, b.value FROM field b INDEXED BY field_value WHERE b.space = ? "
                f"AND b.path = ? AND b.value < {_SORTABLE}",
                [scope, space, path],
            )
            if after is not None:
                sql += Sql(f"AND (b.value, b.key) {self._beyond} (?, ?)", [after.value, after.key])
            for condition in self._conditions:
                on_walk = isinstance(condition, Compare) and condition.path == self._sort
                plain = self._plain(condition, "b") if on_walk else None
                sql += Sql("AND") + (plain if plain is not None else self._where(condition))
            hits = self._rows(sql, f"b.value {self._direction}, b.key {self._direction}", wanted)
        if len(hits) < wanted and (missing := records - self._placed(space, path)) > 0:
            hits += self._walk_missing(space, scope, path, min(wanted - len(hits), missing))
        return hits

    def _walk_missing(self, space: int, scope: str, path: int, wanted: int) -> list[Hit]:
        sql = Sql(
            "SELECT b.space, ?, b.key, NULL FROM record b WHERE b.space = ? AND NOT EXISTS (SELECT 1 FROM field v "
            f"WHERE v.space = b.space AND v.key = b.key AND v.path = ? AND v.value < {_SORTABLE})",
            [scope, space, path],
        )
        if self._after is not None and self._after.value is None:
            sql += Sql(f"AND b.key {self._beyond} ?", [self._after.key])
        for condition in self._conditions:
            sql += Sql("AND") + self._where(condition)
        return self._rows(sql, f"b.key {self._direction}", wanted)

    def _rows(self, sql: Sql, order: str, wanted: int) -> list[Hit]:
        return [Hit(*row) for row in self._execute(f"{sql.text} ORDER BY {order} LIMIT ?", [*sql.params, wanted])]

    def _order_by_key(self) -> str:
        return f"{f's.scope {self._direction}, ' if self._several else ''}b.key {self._direction}"

    def _beyond_key(self, after: Position) -> Sql:
        if not self._several:
            return Sql(f"AND b.key {self._beyond} ?", [after.key])
        # the first part lets SQLite begin at the right scope
        text = f"AND s.scope {self._beyond}= ? AND (s.scope {self._beyond} ? OR b.key {self._beyond} ?)"
        return Sql(text, [after.scope, after.scope, after.key])

    # ---- which condition to start from ------------------------------------------------------------------------

    def _from(self, driver: int | None, join: Sql | None = None) -> Sql:
        """FROM and WHERE with every condition; ``driver``: the number of the one to start from."""
        if driver is None:
            sql = Sql("FROM space s CROSS JOIN record b") + (join or Sql(""))
            sql += Sql("WHERE") + self._spaces + Sql("AND b.space = s.id")
        else:
            sql = Sql("FROM space s CROSS JOIN field b INDEXED BY field_value") + (join or Sql(""))
            sql += Sql("WHERE") + self._spaces + Sql("AND b.space = s.id AND") + self._start(driver)
        for number, condition in enumerate(self._conditions):
            if number != driver:
                sql += Sql("AND") + self._where(condition)
        return sql

    def _from_best(self, records: int) -> Sql:
        return self._from(self._driver(records // 4))

    def _start(self, driver: int) -> Sql:
        condition = self._conditions[driver]
        assert isinstance(condition, Compare | In | Has)
        plain = self._plain(condition, "b")
        assert plain is not None
        return Sql("b.path = ? AND", [self._path(condition.path)]) + plain

    def _driver(self, affordable: int) -> int | None:
        """The condition that the fewest records fulfil, if no more than ``affordable`` do."""
        best, fewest = None, affordable + 1
        for number, condition in enumerate(self._conditions):
            if not isinstance(condition, Compare | In | Has) or (
                isinstance(condition, Compare) and condition.op == "~"
            ):
                continue  # "~" has no range in the index: counting would read all of it
            if self._plain(condition, "b") is None or self._path(condition.path) is None:
                continue
            sql = Sql("SELECT 1 FROM space s CROSS JOIN field b INDEXED BY field_value WHERE") + self._spaces
            sql += Sql("AND b.space = s.id AND") + self._start(number)
            found = int(self._one(Sql("SELECT count(*) FROM (") + sql + Sql("LIMIT ?)", [fewest])))
            if found < fewest:
                best, fewest = number, found
        return best

    # ---- conditions as SQL ------------------------------------------------------------------------------------

    def _where(self, node: Node) -> Sql:
        """A condition on the record (b.space, b.key)."""
        match node:
            case And(items):
                return self._combined("AND", items, "1")
            case Or(items):
                return self._combined("OR", items, "0")
            case Not(item):
                inner = self._where(item)
                return Sql(f"NOT {inner.text}", inner.params)
            case Compare(path, "!=", value):
                return self._where(Not(Compare(path, "=", value)))
            case Has(path):
                return self._has(path)
            case Compare(path, "=", Value(None)):
                return self._combined("OR", (Not(Has(path)), _same_text(node)), "0")
            case In(path, values) if any(value.value is None for value in values):
                return self._combined("OR", tuple(Compare(path, "=", value) for value in values), "0")
            case _:
                plain = self._plain(node, "f")
                assert plain is not None
                return self._exists(Sql("f.path = ? AND", [self._path(node.path)]) + plain)

    def _combined(self, word: str, items: Sequence[Node], none: str) -> Sql:
        parts = [self._where(item) for item in items]
        if not parts:
            return Sql(none)
        return Sql(
            f"({f' {word} '.join(part.text for part in parts)})", [each for part in parts for each in part.params]
        )

    def _exists(self, condition: Sql) -> Sql:
        text = f"EXISTS (SELECT 1 FROM field f WHERE f.space = b.space AND f.key = b.key AND {condition.text})"
        return Sql(text, condition.params)

    def _has(self, path: str) -> Sql:
        # '/' is what follows '.', so this is every path below
        ids = self._execute(
            "SELECT id FROM path WHERE text = ? OR (text >= ? AND text < ?)", (path, path + ".", path + "/")
        )
        return self._exists(Sql(f"f.path IN ({', '.join(str(row[0]) for row in ids)})"))

    def _plain(self, node: Node, table: str) -> Sql | None:
        """A condition on one value of ``field``, for an index to answer; None where it takes more than one value."""
        v = f"{table}.value"
        match node:
            case Has(path):
                below = self._execute(
                    "SELECT 1 FROM path WHERE text >= ? AND text < ? LIMIT 1", (path + ".", path + "/")
                )
                return None if below.fetchone() else Sql("1")
            case Compare(_, "!="):
                return None
            case Compare(_, "=", value):
                return None if value.value is None else self._equal((value,), node, table)
            case In(_, values):
                return None if any(value.value is None for value in values) else self._equal(values, node, table)
            case Compare(_, "~", value):
                told = (
                    Sql(f"coalesce(dsp_contains({v}, ?),", [value.text.casefold()]) + self._ask(node, table) + Sql(")")
                )
                return (
                    Sql(f"({v} >= '' AND {v} < x'' AND")
                    + told
                    + Sql(f"OR {v} = x'02' AND")
                    + self._ask(node, table)
                    + Sql(")")
                )
            case Compare(_, op, value):
                start, end = ("''", "x''") if isinstance(value.value, str) else ("-9e999", "''")
                if isinstance(value.value, str) and len(value.value) >= TEXT_PREFIX:
                    return Sql(f"{v} >= '' AND {v} < x'' AND") + self._ask(node, table)
                return Sql(f"{v} {_OPS[op].format(v=v, start=start, end=end)}", [value.value])
            case _:
                return None

    def _equal(self, values: Sequence[Value], node: Node, table: str) -> Sql:
        """Equal to one of the values; a list, or text longer than the index holds, is asked for in the document."""
        options: list[Any] = []
        long = []
        for value in values:
            if len(value.text) >= TEXT_PREFIX:
                long.append(value.text[:TEXT_PREFIX])
            else:
                options.append(value.text)
            if isinstance(value.value, bool):
                options.append(TRUE if value.value else FALSE)
            elif isinstance(value.value, int | float):
                options.append(value.value)
        marks = ", ".join("?" * (len(options) + len(long)))
        asked = ", ".join(["x'02'", *"?" * len(long)])
        sql = Sql(f"{table}.value IN ({marks}, x'02') AND ({table}.value NOT IN ({asked}) OR", [*options, *long, *long])
        return sql + self._ask(node, table) + Sql(")")

    def _ask(self, node: Node, table: str) -> Sql:
        """The filter part put to the document itself."""
        self._link.parts.append(node)
        doc = f"(SELECT d.doc FROM record d WHERE d.space = {table}.space AND d.key = {table}.key)"
        return Sql(f"dsp_match({len(self._link.parts) - 1}, {doc})")

    # ---- facts ------------------------------------------------------------------------------------------------

    def _records(self) -> int:
        return int(self._one(Sql("SELECT coalesce(sum(s.records), 0) FROM space s WHERE") + self._spaces))

    def _placed(self, space: int, path: int) -> int:
        sql = f"SELECT count(*) FROM field INDEXED BY field_value WHERE space = ? AND path = ? AND value < {_SORTABLE}"
        return int(self._one(Sql(sql, [space, path])))

    def _path(self, path: str) -> int | None:
        row = self._execute("SELECT id FROM path WHERE text = ?", (path,)).fetchone()
        return None if row is None else int(row[0])

    def _one(self, sql: Sql) -> Scalar:
        value: Scalar = self._execute(sql.text, sql.params).fetchone()[0]
        return value


def _same_text(node: Compare) -> Node:
    """``x = null`` also finds the text "null", as any bare word does."""
    return Compare(node.path, "=", Value(node.value.text, node.value.text, quoted=True))
