"""Builds frontal-faces 1.0.0.    build.py OUT   →   OUT/frontal-faces-1.0.0/

A cascade that finds faces looks at every window of the picture in six sizes. The features say how far the windows came
that came farthest: how large a face there is, about where, and how many. Every feature has a name.
"""

import sys
from pathlib import Path

import numpy as np
import onnx

import cascade

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from recipe import probes  # noqa: E402
from recipe.folder import write_folder  # noqa: E402
from recipe.graph import Graph  # noqa: E402
from recipe.weights import fetch  # noqa: E402

SIZE = 128
STEP = 0.75
# The sides of the picture as it is made smaller.
SIDES = (128, 96, 72, 54, 40, 30)
# How much of the picture's width a face has that fills a window, 24 pixels, of each of these.
WIDTHS = ("a fifth", "a quarter", "a third", "almost half", "three fifths", "four fifths")
AREAS = ["at the upper left", "at the top", "at the upper right", "at the left", "in the middle", "at the right",
         "at the lower left", "at the bottom", "at the lower right"]


def main(out: Path) -> None:
    model, names = network()
    write_folder(HERE / "1.0.0", out / "frontal-faces-1.0.0", model, probes.people(), names)


def network() -> tuple[onnx.ModelProto, list[str]]:
    """The graph and the names of its features."""
    stages = cascade.read(fetch(
        "scikit-image", "0.26.0", "7df650e79031634ac90b11e64a9eedaf5a5e06fcd09bcd03a34be01745744466",
        "skimage/data/lbpcascade_frontalface_opencv.xml", python="3.12"))
    graph = Graph("frontal-faces", SIZE, SIZE, channels=1)
    picture, features, names, areas = graph.input, [], [], []
    for side, width in zip(SIDES, WIDTHS, strict=True):
        if side != SIZE:
            picture = graph.resized(picture, STEP)
        depth, passed = windows(graph, picture, side, stages)
        features.append(graph.node("Flatten", graph.node("GlobalMaxPool", depth), axis=1))
        names.append(f"likeness to a face {width} as wide as the picture")
        count = graph.node("ReduceSum", passed, graph.constant(np.array([2, 3], np.int64)), keepdims=0)
        features.append(graph.node("Log", graph.node("Add", count, graph.constant(np.float32(1)))))
        names.append(f"certainty of a face {width} as wide as the picture")
        areas.append(by_area(graph, depth, side - cascade.WINDOW + 1))
    features.append(graph.node("Max", *areas))
    names += [f"likeness to a face {area}" for area in AREAS]
    return graph.finish(graph.node("Concat", *features, axis=1), len(names)), names


def windows(graph, picture, side, stages):
    """For each window the share of the stages it passes one after the other, and whether it passes all."""
    passes, depths = None, []
    for margin in cascade.add_to(graph, picture, side, stages):
        this = graph.node("Cast", graph.node("GreaterOrEqual", margin, graph.constant(np.float32(0))), to=1)
        passes = this if passes is None else graph.node("Mul", passes, this)
        depths.append(passes)
    share = graph.node("Mul", graph.node("Sum", *depths), graph.constant(np.float32(1 / len(stages))))
    return share, passes


def by_area(graph, depth, windows):
    """[batch, 9]: the farthest of the windows whose middles lie in each ninth of the picture; none is none."""
    cells = []
    for top, bottom in thirds(windows):
        for left, right in thirds(windows):
            part = graph.cut(graph.cut(depth, 2, top, bottom), 3, left, right)
            cells.append(graph.node("Flatten", graph.node("GlobalMaxPool", part), axis=1))
    return graph.node("Concat", *cells, axis=1)


def thirds(windows: int) -> list[tuple[int, int]]:
    """The first and last windows, side by side, whose middles lie in each third of the picture; at least one each."""
    side = windows + cascade.WINDOW - 1
    middles = np.arange(windows) + cascade.WINDOW / 2
    found = []
    for third in range(3):
        inside = np.flatnonzero((middles >= side * third / 3) & (middles < side * (third + 1) / 3))
        # A face wider than a third is nowhere but in the middle; the nearest window stands for the sides.
        first, last = (inside[0], inside[-1]) if len(inside) else ((0, 0), (0, 0), (windows - 1, windows - 1))[third]
        found.append((int(first), int(last) + 1))
    return found


if __name__ == "__main__":
    main(Path(sys.argv[1]))
