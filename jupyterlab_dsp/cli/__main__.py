"""``python -m jupyterlab_dsp.cli``."""

import sys

from .main import main

sys.exit(main())
