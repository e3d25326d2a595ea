"""Measures mean and deviation of the text features over specimen documents, into text_statistics.npy (2×720, float32).

Part of making 2.1.0, run once: what it writes is committed, so that everybody builds the same graph. The specimens are
drawn with another seed than the demo's.
"""

import io
import sys

import numpy as np
from PIL import Image

from networks import HERE, TEXT_STATISTICS, text_network
from recipe import efficientnet_lite
from recipe.folder import features, open_session

sys.path.insert(0, str(HERE.parents[1] / "quickstart"))
from make_specimens import passport_or_other, readable_or_hidden  # noqa: E402

DOCUMENTS_PER_CLASS = 60


def main() -> None:
    session = open_session(text_network().SerializeToString())
    random = np.random.default_rng(2026)
    rows = []
    for _ in range(DOCUMENTS_PER_CLASS):
        for make, label in ((passport_or_other, "passport"), (passport_or_other, "other"),
                            (readable_or_hidden, "readable"), (readable_or_hidden, "hidden")):
            rows.append(features(session, as_input(make(random, label)))[0])
    table = np.array(rows, np.float64)
    # The addend keeps features that hardly vary from being blown up.
    np.save(TEXT_STATISTICS, np.stack([table.mean(0), table.std(0) + 1e-3]).astype(np.float32))


def as_input(jpeg: bytes) -> np.ndarray:
    size = (efficientnet_lite.SIZE, efficientnet_lite.SIZE)
    pixels = np.asarray(Image.open(io.BytesIO(jpeg)).convert("RGB").resize(size, Image.Resampling.BICUBIC), np.float32)
    return ((pixels - efficientnet_lite.SHIFT) / efficientnet_lite.SCALE).transpose(2, 0, 1)[None]


if __name__ == "__main__":
    main()
