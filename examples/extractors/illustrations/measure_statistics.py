"""Measures what the features are like on the whole, into statistics.npy (2×2016, float32).

    measure_statistics.py IMAGES      the set `emoji` that ../../images/fetch.py brings

Part of making 1.0.0, run once: what it writes is committed, so that everybody builds the same graph. Labels are not looked
at.
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image

from networks import STATISTICS, raw_network, statistics
from recipe import efficientnet_lite
from recipe.folder import features, open_session

EACH = 200


def main(images: Path) -> None:
    session = open_session(raw_network().SerializeToString())
    paths = [path for folder in ("google", "twitter") for path in some(images / "emoji" / folder)]
    table = np.concatenate([features(session, as_input(path)) for path in paths])
    np.save(STATISTICS, statistics(table))


def some(folder: Path) -> list[Path]:
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return [paths[place] for place in np.random.default_rng(2026).permutation(len(paths))[:EACH]]


def as_input(path: Path) -> np.ndarray:
    size = (efficientnet_lite.SIZE, efficientnet_lite.SIZE)
    pixels = np.asarray(Image.open(path).convert("RGB").resize(size, Image.Resampling.BICUBIC), np.float32)
    return ((pixels - efficientnet_lite.SHIFT) / efficientnet_lite.SCALE).transpose(2, 0, 1)[None]


if __name__ == "__main__":
    main(Path(sys.argv[1]))
