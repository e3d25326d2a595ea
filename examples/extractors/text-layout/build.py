"""Builds text-layout 1.0.0.    build.py OUT   →   OUT/text-layout-1.0.0/

A network that finds text says of each pixel how sure it is that text is there. Its answer is averaged over the picture,
its quarters and so on (a spatial pyramid, Lazebnik, Schmid and Ponce, CVPR 2006): where text is and how it is set, not
what it says. Every feature has a name.
"""

import sys
from pathlib import Path

import numpy as np
import onnx
from PIL import Image, ImageDraw, ImageFont

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from recipe import foreign_network, meanings, probes, text_networks  # noqa: E402
from recipe.folder import write_folder  # noqa: E402
from recipe.graph import Graph  # noqa: E402

SIZE = 480
# The map is looked at in blocks of 4 × 4 pixels: 120 × 120 of them, which 8 rows of 15 divide.
MAP = SIZE // 4
GRIDS = (1, 2, 4, 8)
# What stands for a single of so many cells: the finer, the less it says by itself.
WEIGHTS = {1: 1.0, 2: 0.5, 4: 0.25, 8: 0.125}
HALVES = {1: ["anywhere"], 2: ["at the upper left", "at the upper right", "at the lower left", "at the lower right"]}


def main(out: Path) -> None:
    model, names = network()
    meanings.check(model, names, known_pictures(), lambda pixels: pixels[:, :, ::-1] / 127.5 - 1)
    write_folder(HERE / "1.0.0", out / "text-layout-1.0.0", model, probes.documents(), names)


def network() -> tuple[onnx.ModelProto, list[str]]:
    """The graph and the names of its features."""
    graph = Graph("text-layout", SIZE, SIZE)
    (sure,) = foreign_network.add_to(graph, text_networks.detector(), graph.input, ["sigmoid_0.tmp_0"], "text.")
    covered = graph.node("AveragePool", sure, kernel_shape=[4, 4], strides=[4, 4])
    # Text that is set in lines has a beginning and an end of each line, above and below, and of each word, left and right.
    lines, words = change(graph, covered, axis=2), change(graph, covered, axis=3)
    features, names = [], []
    for what, tensor, gain, grids in (("text", covered, 1.0, GRIDS), ("text in lines", lines, 2.0, GRIDS[:3]),
                                      ("text in short pieces", words, 3.0, GRIDS[:3])):
        for grid in grids:
            features.append(pooled(graph, tensor, grid, gain * WEIGHTS[grid]))
            names += [f"{what} {place}" for place in places(grid)]
    return graph.finish(graph.node("Concat", *features, axis=1), len(names)), names


def change(graph, x, axis):
    """How much neighbours differ along an axis, as many as there are neighbours and one of zero."""
    size = MAP
    after, before = graph.cut(x, axis, 1, size), graph.cut(x, axis, 0, size - 1)
    difference = graph.node("Abs", graph.node("Sub", after, before))
    pads = np.zeros(8, np.int64)
    pads[4 + axis] = 1
    return graph.node("Pad", difference, graph.constant(pads))


def pooled(graph, x, grid, weight):
    """[batch, grid²]: the root of each cell's mean, so that a little text differs from none."""
    side = MAP // grid
    cells = graph.node("AveragePool", x, kernel_shape=[side, side], strides=[side, side])
    root = graph.node("Sqrt", graph.node("Add", graph.node("Flatten", cells, axis=1), graph.constant(np.float32(1e-4))))
    return graph.node("Mul", root, graph.constant(np.float32(weight)))


def places(grid: int) -> list[str]:
    """What the cells of a grid are called, row by row."""
    if grid in HALVES:
        return HALVES[grid]
    return [f"in row {row} of {grid}, column {column} of {grid}"
            for row in range(1, grid + 1) for column in range(1, grid + 1)]


def known_pictures():
    """Name, a picture that has much of it, one that has less."""
    blank = written([])
    for place, x, y in (("upper left", 0, 0), ("upper right", 1, 0), ("lower left", 0, 1), ("lower right", 1, 1)):
        here = written([(20 + 240 * x, 60 + 40 * row + 240 * y, "mela tosu") for row in range(3)])
        yield f"text at the {place}", here, here.rotate(180)
        yield f"text in lines at the {place}", here, blank
    pieces = written([(30 + 110 * column, 40 + 60 * row, "lo") for row in range(7) for column in range(4)])
    lines = written([(30, 40 + 60 * row, "melatosu benuwen lomar torul") for row in range(7)])
    yield "text in short pieces anywhere", pieces, blank
    yield "text anywhere", lines, pieces
    corner = written([(10, 10, "tosu")])
    yield "text in row 1 of 8, column 1 of 8", corner, corner.rotate(180)


def written(words) -> Image.Image:
    image = Image.new("RGB", (SIZE, SIZE), "#f4f4f0")
    for x, y, word in words:
        ImageDraw.Draw(image).text((x, y), word, "#202024", ImageFont.load_default(30))
    return image


if __name__ == "__main__":
    main(Path(sys.argv[1]))
