"""Short names in filters and sorts."""

from __future__ import annotations

import pytest

from jupyterlab_dsp.errors import InvalidInput
from jupyterlab_dsp.model.fields import resolve_path

NEWEST = [{"metrics": {"val_accuracy": 0.9, "created": 1}, "params": {"lr": 0.1}, "tags": {"stage": "x"}}]


@pytest.mark.parametrize(
    ("name", "kind", "path"),
    [
        ("val_accuracy", "version", "metrics.val_accuracy"),
        ("metric.val_accuracy", "version", "metrics.val_accuracy"),
        ("lr", "version", "params.lr"),
        ("param.lr", "run", "params.lr"),
        ("parameters.lr", "run", "params.lr"),
        ("stage", "run", "tags.stage"),
        ("tag.x", "version", "tags.x"),
        ("tags.a.b", "version", "tags.a.b"),
        ("version", "version", "version"),
        ("size", "version", "size_bytes"),
        ("created", "version", "metrics.created"),
        ("unknown", "version", "metrics.unknown"),
        ("unknown", "model", "tags.unknown"),
        ("model", "run", "name"),
        ("spec.name", "version", "spec.name"),
        ("duration", "run", "duration_s"),
        ("aliases.production", "model", "aliases.production"),
    ],
)
def test_names_become_paths(name: str, kind: str, path: str) -> None:
    assert resolve_path(name, kind, NEWEST) == path


@pytest.mark.parametrize(
    ("text", "resolved"),
    [
        ("", ""),
        ("   ", ""),
        ("val_accuracy > 0.95 and tag.stage = nightly", "metrics.val_accuracy > 0.95 and tags.stage = nightly"),
        ("lr < 0.1 or not alias = production", "params.lr < 0.1 or not (version = 3)"),
        ("alias != production", "version != 3"),
        ("alias in (production, gone)", "version in (3, 0)"),
        ("has alias", "version in (3)"),
        ("message ~ 'lr = 3'", 'message ~ "lr = 3"'),
    ],
)
def test_filters_are_resolved(text: str, resolved: str) -> None:
    assert resolve_path.filter(text, "version", NEWEST, aliases={"production": 3}) == resolved


@pytest.mark.parametrize("text", ["a >", "= 3", "a = 'open", "((", "alias > 3", "a = b = c", "x" * 10_001])
def test_wrong_filters_name_the_field(text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        resolve_path.filter(text, "version", NEWEST, aliases={})
    assert caught.value.details["field"] == "filter"
