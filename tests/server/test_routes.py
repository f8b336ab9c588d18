"""Every operation has its own handler, its own permission, and lets no stranger in."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from jupyter_server.auth.authorizer import Authorizer
from tornado.httpclient import HTTPClientError

from jupyterlab_dsp.contract.openapi import PREFIX
from jupyterlab_dsp.contract.operations import BY_ID, OPERATIONS, Operation
from jupyterlab_dsp_server.endpoint import Endpoint
from jupyterlab_dsp_server.router import LazyRouter
from jupyterlab_dsp_server.routing import Routes, resource

from .conftest import Server
from .operation_cases import GOOD, IDS, arguments, good_values

VERBS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")


@pytest.fixture(scope="module")
def routes() -> Routes:
    return Routes()


def _find(routes: Routes, operation: Operation) -> type[Endpoint]:
    values = good_values(operation)
    return routes.find(operation.method, PREFIX + arguments(operation, values)["url"])[0]


@pytest.mark.parametrize("id_", IDS)
def test_operation_has_a_handler_permission_and_words(routes: Routes, id_: str) -> None:
    operation = BY_ID[id_]
    handler = _find(routes, operation)
    assert handler.operation is operation  # type: ignore[attr-defined]
    assert handler.auth_resource == f"dsp:{operation.area}"
    assert operation.permission in ("read", "write", "execute")
    assert operation.summary.endswith(".")
    assert handler.__doc__ == operation.summary
    undocumented = [
        name
        for name, field in operation.request.model_fields.items()
        if not field.description and name not in GOOD and name not in ("run_id", "description", "tags", "message")
    ]
    assert not undocumented, f"fields without words: {undocumented}"


def test_handler_classes_are_not_shared(routes: Routes) -> None:
    handlers = [_find(routes, operation) for operation in OPERATIONS]
    assert len(set(handlers)) == len(OPERATIONS)
    methods = {
        getattr(handler, operation.method.lower()) for handler, operation in zip(handlers, OPERATIONS, strict=True)
    }
    assert len(methods) == len(OPERATIONS), (
        "authorized() keeps its first answer: a shared method checks the wrong thing"
    )


def test_names_with_odd_characters_reach_their_operation(routes: Routes) -> None:
    for name in ("a%2Fb", "..", "%2e%2e", "%F0%9F%90%8D", "x" * 10_000, "%00", "plan", "a b"):
        handler, found = routes.find("GET", f"{PREFIX}/model/models/{name}")
        assert handler.operation.id == "model.show"  # type: ignore[attr-defined]
        assert found["path"] == {"model": name}


def _paths(web_app: Any) -> list[tuple[str, str]]:
    """(verb, example path) of all that the application's own table of rules offers below our routers."""
    found = []
    for host_rule in web_app.default_router.rules:
        for rule in host_rule.target.rules if hasattr(host_rule.target, "rules") else []:
            if isinstance(rule.target, LazyRouter):
                for template in rule.target.routes.by_path:
                    found += [(verb, template.format(**GOOD)) for verb in VERBS]
    return found


async def test_stranger_gets_nothing_on_any_route(jp_serverapp: Any, jp_fetch: Any) -> None:
    paths = _paths(jp_serverapp.web_app)
    assert len(paths) >= len(OPERATIONS)
    for verb, path in [*paths, ("GET", "/dsp"), ("GET", "/dsp/unknown"), ("POST", "/dsp/api/v1/unknown")]:
        with pytest.raises(HTTPClientError) as caught:
            await jp_fetch(path.strip("/"), method=verb, headers={"Authorization": ""}, allow_nonstandard_methods=True)
        assert caught.value.code in (401, 403), (verb, path)
        if verb != "HEAD":
            body = json.loads(caught.value.response.body)
            assert body["code"] == "not_allowed"
            assert set(body) == {"code", "message", "hint", "details"}


def test_stranger_gets_nothing_from_a_real_server(server: Server) -> None:
    with server.client(token="wrong") as client:
        for operation in OPERATIONS:
            request = arguments(operation, good_values(operation))
            answer = client.request(**{**request, "url": server.api + request["url"]})
            assert answer.status_code == 403, operation.id
        assert client.get(f"{server.api}/openapi.json").status_code == 403


def test_stranger_with_a_small_body_reads_the_refusal(server: Server) -> None:
    with server.client(token="wrong") as client:
        for _ in range(3):
            assert client.post(f"{server.api}/train/runs", content=b"x" * 100_000).status_code == 403


def test_stranger_with_a_huge_body_is_cut_off(server: Server) -> None:
    sent = 0

    def body() -> Iterator[bytes]:
        nonlocal sent
        for _ in range(1000):
            sent += 1
            yield b" " * 65536

    with server.client(token="wrong") as client:
        try:
            assert client.post(f"{server.api}/train/runs", content=body()).status_code == 403
        except httpx.TransportError:
            pass
    assert sent < 900


class _DenyOne(Authorizer):  # type: ignore[misc]
    """Notes what it is asked, and denies what it is told to."""

    asked: list[tuple[str, str]] = []
    denied: tuple[str, str] | None = None

    def is_authorized(self, handler: Any, user: Any, action: str, resource: str) -> bool:
        self.asked.append((action, resource))
        return (action, resource) != self.denied


async def test_permission_asked_is_the_one_of_the_table(dsp_app: Any, jp_serverapp: Any, jp_fetch: Any) -> None:
    authorizer = _DenyOne(parent=jp_serverapp, log=jp_serverapp.log)
    jp_serverapp.web_app.settings["authorizer"] = authorizer
    # twice and in both directions: an answer kept from another operation would show
    for operation in [*OPERATIONS, *reversed(OPERATIONS)]:
        _DenyOne.asked.clear()
        _DenyOne.denied = (operation.permission, resource(operation.area))
        request = arguments(operation, good_values(operation))
        with pytest.raises(HTTPClientError) as caught:
            await jp_fetch(
                (PREFIX + request["url"]).strip("/"),
                method=operation.method,
                body=json.dumps(request["json"]) if "json" in request else None,
                allow_nonstandard_methods=True,
            )
        assert caught.value.code == 403, operation.id
        assert _DenyOne.asked == [(operation.permission, f"dsp:{operation.area}")]


async def test_denied_area_leaves_the_others_open(dsp_app: Any, jp_serverapp: Any, jp_fetch: Any) -> None:
    jp_serverapp.web_app.settings["authorizer"] = _DenyOne(parent=jp_serverapp, log=jp_serverapp.log)
    _DenyOne.denied = ("read", "dsp:model")
    with pytest.raises(HTTPClientError) as caught:
        await jp_fetch("dsp/api/v1/model/models")
    assert caught.value.code == 403
    assert (await jp_fetch("dsp/api/v1/system/info")).code == 200
    _DenyOne.denied = ("read", "dsp:system")
    with pytest.raises(HTTPClientError):
        await jp_fetch("dsp/api/v1/openapi.json")


async def test_wrong_verb_is_405_and_says_what_is_offered(jp_fetch: Any) -> None:
    with pytest.raises(HTTPClientError) as caught:
        await jp_fetch("dsp/api/v1/train/runs", method="PUT", body="{}")
    assert caught.value.code == 405
    assert set(caught.value.response.headers["Allow"].split(", ")) == {"GET", "POST", "OPTIONS"}
    assert json.loads(caught.value.response.body)["code"] == "method_not_allowed"


@pytest.mark.parametrize(
    "path", ["dsp", "dsp/", "dsp/api/v1", "dsp/api/v1/system/info/more", "dsp/x/../y", "dsp/api/v2/system/info"]
)
def test_unknown_route_is_404_in_json(server: Server, path: str) -> None:
    with server.client() as client:
        answer = client.get(f"{server.url}{server.base_url}/{path}")
    assert answer.status_code == 404
    assert answer.json()["code"] == "not_found"


def test_openapi_is_served_as_committed(server: Server) -> None:
    from jupyterlab_dsp.contract.openapi import build

    with server.client() as client:
        served = client.get(f"{server.api}/openapi.json").json()
    assert served == build(served["info"]["version"])


def test_rules_of_the_server_stand(server: Server) -> None:
    """XSRF for cookies, CORS preflight, and no answer to other origins."""
    with server.client() as client:
        cookie = {"Cookie": f"username={server.token}"}
        answer = httpx.post(f"{server.api}/model/purge", json={}, headers=cookie, trust_env=False)
        assert answer.status_code == 403
        preflight = client.request("OPTIONS", f"{server.api}/train/runs", headers={"Origin": "http://elsewhere"})
        assert preflight.status_code == 200
        assert "PATCH" in preflight.headers["Access-Control-Allow-Methods"]
        refused = httpx.get(
            f"{server.api}/system/info", headers={"Origin": "http://elsewhere", **cookie}, trust_env=False
        )
        assert refused.status_code in (403, 404)
