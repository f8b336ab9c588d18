"""What the fault tests run in processes of their own; imported by multiprocessing's fork server.

Each acknowledged version is one line, appended to a file by one write: a killed worker leaves a whole line or none.
"""

from __future__ import annotations

import os
import random
from pathlib import Path

from jupyterlab_dsp.contract.model import ListVersions, OneVersion, Purge
from jupyterlab_dsp.errors import Conflict, NotFound
from jupyterlab_dsp.model.plugin import Saved, SavedFile
from jupyterlab_dsp.platform import Platform
from jupyterlab_dsp.settings import Settings


def save_for_ever(platform: Platform, rng: random.Random, out: int) -> None:
    """Versions of few different weights, so that blobs are shared between versions that come and go."""
    while True:
        weights = bytes([rng.randrange(6)]) * rng.choice((10, 50_000, 3_000_000))
        folder = platform.paths.scratch / f"fault-{rng.random()}"
        folder.mkdir()
        (folder / "w").write_bytes(weights)
        files = [SavedFile("w", folder / "w"), SavedFile("c", b"%d" % rng.randrange(3))]
        version = platform.model.add_version("m", Saved(files), format="pickle", metrics={"a": rng.random()})
        os.write(out, b"%d\n" % version.version)
        folder.rmdir()


def purge_for_ever(platform: Platform, rng: random.Random, out: int) -> None:
    """Deletes and purges odd versions."""
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


def add_versions(platform: Platform, rng: random.Random, out: int) -> None:
    """20 versions of one model, as fast as it goes."""
    for number in range(20):
        saved = Saved([SavedFile("w", b"%d %f" % (number, rng.random()))])
        version = platform.model.add_version("m", saved, format="pickle", metrics={"a": number})
        os.write(out, b"%d\n" % version.version)


ROLES = {"save": save_for_ever, "purge": purge_for_ever, "add": add_versions}


def work(home: str, role: str, seed: int, out: str) -> None:
    """Entry of a worker."""
    descriptor = os.open(out, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    ROLES[role](Platform(Settings(home=Path(home), user="fault")), random.Random(seed), descriptor)
