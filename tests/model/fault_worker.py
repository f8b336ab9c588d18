"""What the fault tests run in processes of their own: ``python fault_worker.py HOME WHAT SEED``.

Each acknowledged version is one line on stdout: "<model> <version> <digest of its weights>".
"""

from __future__ import annotations

import random
import sys
from pathlib import Path

from jupyterlab_dsp.contract.model import ListVersions, OneVersion, Purge
from jupyterlab_dsp.errors import Conflict, NotFound
from jupyterlab_dsp.model.plugin import Saved, SavedFile
from jupyterlab_dsp.platform import Platform
from jupyterlab_dsp.settings import Settings


def save_for_ever(platform: Platform, rng: random.Random) -> None:
    """Versions of few different weights, so that blobs are shared between versions that come and go."""
    while True:
        weights = bytes([rng.randrange(6)]) * rng.choice((10, 50_000, 3_000_000))
        folder = platform.paths.scratch / f"fault-{rng.random()}"
        folder.mkdir()
        (folder / "w").write_bytes(weights)
        files = [SavedFile("w", folder / "w"), SavedFile("c", b"%d" % rng.randrange(3))]
        version = platform.model.add_version("m", Saved(files), format="pickle", metrics={"a": rng.random()})
        # one write: a killed worker leaves a whole line or none
        sys.stdout.write(f"{version.version}\n")
        sys.stdout.flush()
        folder.rmdir()


def purge_for_ever(platform: Platform, rng: random.Random) -> None:
    """Deletes and purges odd versions, and says which before it does."""
    while True:
        try:
            rows = platform.model.versions(ListVersions(model="m", limit=200)).items
        except NotFound:
            continue
        for row in rows:
            if row.version % 2 and rng.random() < 0.5:
                try:
                    platform.model.delete(OneVersion(model="m", version=row.version))
                except Conflict:
                    continue
        platform.model.purge(Purge())


def add_versions(platform: Platform, rng: random.Random) -> None:
    """20 versions of one model, as fast as it goes."""
    for number in range(20):
        content = b"%d %f" % (number, rng.random())
        saved = Saved([SavedFile("w", content)])
        print(platform.model.add_version("m", saved, format="pickle", metrics={"a": number}).version, flush=True)


if __name__ == "__main__":
    home, what, seed = sys.argv[1:]
    chosen = {"save": save_for_ever, "purge": purge_for_ever, "add": add_versions}[what]
    chosen(Platform(Settings(home=Path(home), user="fault")), random.Random(int(seed)))
