"""Type of the ``dsp`` fixture."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

Dsp = Callable[..., "subprocess.CompletedProcess[str]"]
