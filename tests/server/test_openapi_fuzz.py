"""Schemathesis over the description of the routes, against a real server: right and wrong input, never a 5xx.

DSP_FUZZ_EXAMPLES sets how many requests each operation gets (12).
"""

from __future__ import annotations

import os
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from jupyterlab_dsp.contract.openapi import build

from .conftest import Server

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

CHECKS = [
    not_a_server_error,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    negative_data_rejection,
    unsupported_method,
]


# the same that the server serves: test_openapi_is_served_as_committed
schema = schemathesis.openapi.from_dict(build())


@schema.parametrize()
@settings(
    max_examples=int(os.environ.get("DSP_FUZZ_EXAMPLES", "12")),
    deadline=None,
    phases=[Phase.explicit, Phase.generate],  # shrinking takes minutes and finds nothing that the case does not say
    suppress_health_check=list(HealthCheck),
)
def test_any_input_gets_a_proper_answer(case: Any, server: Server) -> None:
    base_url, headers = server.url + server.base_url, {"Authorization": f"token {server.token}"}
    if len(case.as_transport_kwargs(base_url=base_url)["url"]) + len(str(case.query)) * 12 > 60_000:
        return  # longer than any request line that the server reads: it closes the connection
    response = case.call(base_url=base_url, headers=headers, timeout=30)
    case.validate_response(response, checks=CHECKS)
