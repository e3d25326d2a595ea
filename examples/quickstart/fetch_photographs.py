"""Brings real photographs, birds and mammals cut out on a transparent ground, into folders a head can learn from.

    fetch_photographs.py OUT   →   OUT/{labelled,unseen}/{bird,mammal}/*.png

They are the photographs of the Debian package tuxpaint-stamps-default (GPL-2), which is why they are fetched with
`apt-get download` each time and not kept here. Exit status 3: no such package can be had on this machine.
"""

import argparse
import shutil
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from images.debian import Unavailable, unpacked  # noqa: E402

PACKAGE = "tuxpaint-stamps-default"
LABELLED_PER_CLASS, UNSEEN_PER_CLASS = 10, 30
FOLDERS = {"bird": "birds", "mammal": "mammals"}
NOT_PHOTOGRAPHS = {"cartoon", "toys"}


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("out", type=Path)
    out = arguments.parse_args().out
    try:
        animals = unpacked(PACKAGE) / "usr/share/tuxpaint/stamps/animals"
    except Unavailable as reason:
        print(reason, file=sys.stderr)
        return 3
    random = np.random.default_rng(7)
    for label, folder in FOLDERS.items():
        photographs = sorted(path for path in (animals / folder).rglob("*.png")
                             if not NOT_PHOTOGRAPHS.intersection(path.parts))
        chosen = [photographs[i] for i in random.permutation(len(photographs))]
        parts = {"labelled": chosen[:LABELLED_PER_CLASS],
                 "unseen": chosen[LABELLED_PER_CLASS:][:UNSEEN_PER_CLASS]}
        for part, paths in parts.items():
            target = out / part / label
            target.mkdir(parents=True, exist_ok=True)
            for path in paths:
                shutil.copyfile(path, target / path.name)
    return 0


if __name__ == "__main__":
    sys.exit(main())
