"""Builds plain 1.0.0.    build.py OUT   →   OUT/plain-1.0.0/"""

import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "extractors"))

from recipe import probes  # noqa: E402
from recipe.folder import write_folder  # noqa: E402
from recipe.graph import Graph  # noqa: E402

SIDE, DIMENSION = 16, 1280


def main(out: Path) -> None:
    graph = Graph("plain", SIDE, SIDE)
    pixels = 3 * SIDE * SIDE
    sums = np.random.default_rng(0).standard_normal((pixels, DIMENSION)).astype(np.float32) / np.float32(pixels**0.5)
    flat = graph.node("Flatten", graph.input, axis=1)
    output = graph.node("Relu", graph.node("MatMul", flat, graph.constant(sums)))
    write_folder(HERE, out / "plain-1.0.0", graph.finish(output, DIMENSION), probes.everyday_objects())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
