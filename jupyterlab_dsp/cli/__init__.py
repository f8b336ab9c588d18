"""Everything that is typed: ``dsp <area> [verb] ...`` in a shell, and the same words after ``%dsp`` in a notebook."""
