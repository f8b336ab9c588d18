"""The filter language: what it says, and what it says about what it cannot read."""

from __future__ import annotations

import math
import random
import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyterlab_dsp import filters
from jupyterlab_dsp.errors import InvalidInput
from jupyterlab_dsp.filters import And, Compare, Has, In, Not, Or, Value, matches, parse, render, resolve, resolve_text
from jupyterlab_dsp.testing.records_suite import DOCUMENTS, FILTERS

DOC = {
    "name": "Digits CNN",
    "state": "active",
    "version": 3,
    "metrics": {"val_accuracy": 0.97, "val acc": 0.5, "loss": math.nan, "train.loss": 0.1},
    "params": {"lr": 1e-3, "nested": {"units": 8}, "empty": {}},
    "tags": {"stage": "nightly", "build": "3", "flag": "true"},
    "aliases": ["production", "Best"],
    "is_final": True,
    "nothing": None,
    "none_in_list": [],
    "_code": {"text": "secret"},
}


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", True),
        ("metrics.val_accuracy > 0.95 and tags.stage = nightly and not (params.lr <= 1e-4 or name ~ foo)", True),
        ("metrics.val_accuracy>=.97", True),
        ("metrics.val_accuracy < 0.97", False),
        ('metrics."val acc" = 0.5', True),
        ("metrics.'val acc' != 0.5", False),
        ("metrics.train.loss = 0.1", True),
        ("params.nested.units in (4, 8)", True),
        ("params.nested.units not in (4, 8)", False),
        ("name ~ CNN", True),
        ("NAME ~ cnn", False),
        ("name ~ 'digits c'", True),
        ("name = digits", False),
        ("aliases = production", True),
        ("aliases ~ bes", True),
        ("aliases in (x, Best)", True),
        ("aliases != production", False),
        ("aliases > a", False),
        ("has aliases", True),
        ("has none_in_list", False),
        ("has metrics", True),
        ("has params.nested", True),
        ("has params.empty", False),
        ("has params.nest", False),
        ("nothing = null and missing = NULL and name != null", True),
        ("missing != x", True),
        ("missing = x or missing > 3 or missing ~ x", False),
        ("tags.build = 3 and version = 3", True),
        ('tags.build = "3"', True),
        ('version = "3"', False),
        ("tags.build > 2", False),
        ("is_final = true and tags.flag = TRUE", False),
        ("is_final = true and tags.flag = true", True),
        ("is_final = 1 or is_final > 0", False),
        ("metrics.loss > 0 or metrics.loss <= 0 or metrics.loss = nan", False),
        ("has metrics.loss and metrics.loss != 0", True),
        ("has _code or _code.text = secret", False),
        ("state = active OR state = x AND state = y", True),
        ("not state = active", False),
        ("state == active", True),
        ("name >= D and name < E", True),
    ],
)
def test_a_filter_means_what_it_says(text, wanted):
    assert matches(parse(text), DOC) is wanted
    assert matches(parse(render(parse(text))), DOC) is wanted


def test_the_tree_is_plain():
    assert parse("a = 1 and (b in (x, 'y z') or has c) and not d ~ 5") == And(
        (
            Compare("a", "=", Value(1, "1")),
            Or((In("b", (Value("x", "x"), Value("y z", "y z", quoted=True))), Has("c"))),
            Not(Compare("d", "~", Value("5", "5", quoted=True))),
        )
    )


@given(FILTERS)
def test_render_and_parse_are_inverse(text):
    node = parse(text)
    if text:
        assert parse(render(node)) == node


@settings(max_examples=200)
@given(st.text(max_size=40) | st.text(alphabet="ab 1.='\"()<>~!,notrdish\\", max_size=40))
def test_any_text_is_read_or_refused_in_words(text):
    try:
        node = parse(text)
    except InvalidInput:
        return  # any other error fails the test
    assert node == filters.EVERYTHING or parse(render(node)) == node


@given(FILTERS, DOCUMENTS)
def test_the_evaluator_answers_for_any_document(text, doc):
    node = parse(text)
    assert matches(Not(node), doc) is not matches(node, doc)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a >", "ends too early, after 'a >': a name or a value is expected"),
        ("a", "an operator"),
        ("a 3", "at '3' (character 3): an operator"),
        ("a b = 3", "at 'b' (character 3): an operator"),
        ("a = 'x", "the quote is not closed"),
        ("(a = 1", "ends too early, after '(a = 1': "),
        ("a = 1)", "at ')' (character 6)"),
        ("a = 1 b = 2", "at 'b' (character 7): 'and', 'or' or the end"),
        ("a = 1 and", "a condition is expected"),
        ("= 3", "a condition is expected"),
        ("a in 3", "'(' is expected"),
        ("a in ()", "a name or a value"),
        ("a in (1 2)", "',' or ')'"),
        ("a > null", "a number or text"),
        ("a < true", "a number or text"),
        ("a ! 3", "an operator"),
        ("x" * 100_000, "100000 characters"),
        ("(" * 9_000 + "a=1" + ")" * 900, "ends too early"),
        ("x=1 and not (y=2 or " * 40 + "z=1" + ")" * 40, "nested deeper"),
        (" or ".join(["a=1"] * 300), "more than 200 conditions"),
        ("a in (" + ",".join("1" * 300) + ")", "more than 200 conditions"),
    ],
)
def test_what_cannot_be_read_is_quoted_with_what_was_expected(text, words):
    with pytest.raises(InvalidInput) as caught:
        parse(text)
    assert words in caught.value.message
    assert len(str(caught.value)) < 400
    assert caught.value.details["field"] == "filter"


def test_many_nots_and_parentheses_are_no_nesting():
    assert parse("not " * 1001 + "a = 1") == Not(parse("a = 1"))
    assert parse("(" * 3000 + "a = 1" + ")" * 3000) == parse("a = 1")


def test_short_names_become_paths():
    node = resolve(parse("val_acc > 1 and not (has lr or 'x y' in (1))"), lambda path: f"metrics.{path}")
    assert render(node) == 'metrics.val_acc > 1 and not (has metrics.lr or "metrics.x y" in (1))'
    assert resolve_text("  ", str.upper) == ""
    assert resolve_text("a=b", str.upper) == "A = b"


def test_fields_are_bounded():
    deep: dict = {"leaf": 1}
    for _ in range(20):
        deep = {"d": deep}
    doc = {"deep": deep, "x" * 600: 1, "wide": {f"{i:05d}": i for i in range(5000)}, "after": 1}
    found = filters.fields(doc)
    assert len(found) == filters.MAX_FIELDS
    assert next(iter(found)) == "wide.00000"
    assert filters.fields({"l": list(range(5000))})["l"] == tuple(range(filters.MAX_LIST_ELEMENTS))


def test_where_two_ways_lead_to_one_path_the_first_counts():
    assert filters.fields({"a": {"b": 1}, "a.b": 2}) == {"a.b": 1}
    assert filters.fields({"a.b": 2, "a": {"b": 1}}) == {"a.b": 2}


def test_half_characters_are_no_trouble():
    doc = {"a\ud800": "x\ud800"}
    assert filters.fields(doc) == {"a?": "x?"}
    assert matches(parse("'a\ud800' ~ '\ud800'"), doc)


def test_words_survive_quoting():
    rng = random.Random(1)
    for _ in range(300):
        text = "".join(rng.choices(string.printable + "\\\\\"''é🎉", k=rng.randrange(1, 9)))
        node = Compare(text, "=", Value(text, text, quoted=True))
        assert parse(render(node)) == node, text
