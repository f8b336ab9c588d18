"""``%dsp`` and ``%%dsp``. Nothing here is imported before the first of them is typed, but for ``extension``."""
