"""Plug-ins of all tests; pytest takes them only from here."""

from __future__ import annotations

import pytest

pytest_plugins = ["pytest_jupyter.jupyter_server"]


# The plug-in would make an event loop and a ServerApp for every test of the suite. Only tests/server asks for them:
# its conftest puts the real fixtures back.


@pytest.fixture
def jp_asyncio_loop() -> None:
    return None


@pytest.fixture
def jp_server_cleanup() -> None:
    return None
