"""Builds passport-extractor 2.0.0 and 2.1.0.    build.py OUT   →   OUT/passport-extractor-2.0.0/, …-2.1.0/"""

import sys
from pathlib import Path

import numpy as np

from networks import HERE, layout_and_text_network, layout_network
from recipe import efficientnet_lite, probes
from recipe.folder import features, open_session, write_folder


def main(out: Path) -> None:
    layout, both = layout_network(), layout_and_text_network()
    check_promise(layout.SerializeToString(), both.SerializeToString())
    write_folder(HERE / "2.0.0", out / "passport-extractor-2.0.0", layout, probes.documents())
    write_folder(HERE / "2.1.0", out / "passport-extractor-2.1.0", both, probes.documents())


def check_promise(older: bytes, newer: bytes) -> None:
    """A MINOR version may append features; those before keep their values."""
    size = efficientnet_lite.SIZE
    pictures = np.random.default_rng(0).uniform(-1, 1, (4, 3, size, size)).astype(np.float32)
    before = features(open_session(older), pictures)
    after = features(open_session(newer), pictures)[:, : before.shape[1]]
    difference = float(np.abs(before - after).max())
    if difference > 1e-5:
        raise ValueError(f"the first features of 2.1.0 differ from those of 2.0.0 by up to {difference}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
