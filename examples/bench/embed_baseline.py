"""The pipeline most people write, to measure `hub embed` against: Pillow decodes and resizes, onnxruntime runs.

    embed_baseline.py EXTRACTOR_FOLDER IMAGES -o features.npy [--threads 2] [--batch 16] [--draft]

For extractors of 224×224 squashed bicubic, (pixel − 127) / 128, as everyday-objects. Images in the order of their names.
Prints one JSON object; the clock runs from the first byte read to the last feature, the session already open.
"""

import argparse
import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image

SIZE = 224


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("extractor", type=Path)
    arguments.add_argument("images", type=Path)
    arguments.add_argument("-o", "--output", type=Path)
    arguments.add_argument("--threads", type=int, default=2)
    arguments.add_argument("--batch", type=int, default=16)
    arguments.add_argument("--draft", action="store_true", help="let the JPEG decoder reduce first (not the same pixels)")
    options = arguments.parse_args()
    paths = sorted(path for path in options.images.rglob("*") if path.is_file())
    session = onnxruntime.InferenceSession(options.extractor / "model.onnx", providers=["CPUExecutionProvider"])
    session.run(None, {"input": np.zeros((options.batch, 3, SIZE, SIZE), np.float32)})

    start = time.perf_counter()
    rows = []
    with ThreadPoolExecutor(options.threads) as pool:
        pictures = pool.map(lambda path: load(path, options.draft), paths)
        for first in range(0, len(paths), options.batch):
            batch = np.stack([next(pictures) for _ in paths[first:first + options.batch]])
            rows.append(session.run(None, {"input": batch})[0])
    seconds = time.perf_counter() - start

    if options.output:
        np.save(options.output, np.concatenate(rows))
    print(json.dumps({"images": len(paths), "seconds": round(seconds, 3),
                      "images_per_second": round(len(paths) / seconds, 1),
                      "threads": options.threads, "batch": options.batch, "draft": options.draft}))


def load(path: Path, draft: bool) -> np.ndarray:
    with Image.open(path) as image:
        if draft:
            image.draft("RGB", (SIZE, SIZE))
        pixels = image.convert("RGB").resize((SIZE, SIZE), Image.Resampling.BICUBIC)
    return ((np.asarray(pixels, np.float32) - 127) / 128).transpose(2, 0, 1)


if __name__ == "__main__":
    main()
