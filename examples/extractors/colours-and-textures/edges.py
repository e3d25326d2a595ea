"""Edges: how many, which way they run, where they are; strokes like those of text."""

import numpy as np

from measures import NINTHS, SIZE, Measure, directions, grid, mean, number, root, square

RUNS = ["horizontal edges", "edges rising a little to the right", "edges rising to the right", "edges rising steeply",
        "vertical edges", "edges falling steeply", "edges falling to the right", "edges falling a little to the right"]


def measures(picture) -> list[Measure]:
    graph = picture.graph
    fine, coarse = (Slopes(graph, grey) for grey in (picture.greys[0], picture.greys[2]))
    strong = graph.node("Clip", graph.node("Mul", fine.steepness, number(graph, 4)), number(graph, 0), number(graph, 1))
    return [
        Measure([f"{run}, fine" for run in RUNS], fine.runs(), 0.06),
        Measure([f"{run}, coarse" for run in RUNS], coarse.runs(), 0.06),
        Measure(["edges"], mean(graph, strong), 0.08),
        Measure([f"edges {place}" for place in NINTHS], grid(graph, strong, 3, SIZE), 0.12),
        Measure(["flat area"], flat(graph, fine.steepness), 0.25),
        *strokes(picture),
    ]


class Slopes:
    """How the picture rises, pixel by pixel: Sobel's filters, a step from black to white has steepness 1."""

    def __init__(self, graph, grey):
        self.graph = graph
        across = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]) / 4
        up = np.array([[1, 2, 1], [0, 0, 0], [-1, -2, -1]]) / 4
        self.slope = graph.convolution(grey, np.stack([across, up])[:, None], np.zeros(2), stride=1, padding=(0, 0, 0, 0))
        self.slope = graph.node("Pad", self.slope, graph.constant(np.array([0, 0, 1, 1, 0, 0, 1, 1], np.int64)))
        self.steepness = root(graph, graph.mix(square(graph, self.slope), [[1, 1]]), 1e-10)

    def runs(self):
        """[batch, 8], shares by steepness. Twice the angle makes an edge the same from both its sides, and another
        half turn leads from the way up to the way along."""
        graph = self.graph
        swapped = graph.mix(self.slope, [[0, 1], [1, 0]])
        squares = graph.mix(square(graph, self.slope), [[-1, 1]])
        products = graph.mix(graph.node("Mul", self.slope, swapped), [[-1, -1]])
        doubled = graph.node("Concat", squares, products, axis=1)
        unit = graph.node("Div", doubled, self.steepness)
        return directions(graph, unit, len(RUNS), 0.0)


def flat(graph, steepness):
    """The share of pixels beside which nothing changes: plain grounds, drawings, blocks."""
    rest = graph.node("Sub", number(graph, 1), graph.node("Mul", steepness, number(graph, 60)))
    return mean(graph, graph.node("Relu", rest))


def strokes(picture) -> list[Measure]:
    """Lines thinner than five pixels: what closing takes from dark ones, and opening from light ones."""
    graph, grey = picture.graph, picture.grey
    negative = graph.node("Neg", grey)
    dark = stroke_map(graph, graph.node("Sub", closed(graph, grey), grey))
    light = stroke_map(graph, graph.node("Sub", closed(graph, negative), negative))
    cells = graph.node("AveragePool", dark, kernel_shape=[16, 16], strides=[16, 16])
    # As dense as print is: neither a single line nor a filled area.
    dense = graph.node("Clip", graph.node("Mul", graph.node("Sub", cells, number(graph, 0.1)), number(graph, 8)),
                       number(graph, 0), number(graph, 1))
    return [
        Measure(["thin dark strokes"], mean(graph, dark), 0.06),
        Measure(["thin light strokes"], mean(graph, light), 0.06),
        Measure(["dark strokes as dense as print"], mean(graph, dense), 0.15),
        Measure(["strokes in rows"], unevenness(graph, dark, axis=3), 0.4),
        Measure(["strokes in columns"], unevenness(graph, dark, axis=2), 0.4),
    ]


def closed(graph, x):
    """Morphological closing by 5 × 5 pixels."""
    pool = {"kernel_shape": [5, 5], "strides": [1, 1], "pads": [2, 2, 2, 2]}
    grown = graph.node("MaxPool", x, **pool)
    return graph.node("Neg", graph.node("MaxPool", graph.node("Neg", grown), **pool))


def stroke_map(graph, height):
    over = graph.node("Mul", graph.node("Sub", height, number(graph, 0.08)), number(graph, 8))
    return graph.node("Clip", over, number(graph, 0), number(graph, 1))


def unevenness(graph, x, axis):
    """[batch, 1]: how much the means along an axis differ from one another, beside their own mean."""
    lines = graph.node("ReduceMean", x, axes=[axis])
    middle = graph.node("GlobalAveragePool", lines)
    variance = mean(graph, square(graph, graph.node("Sub", lines, middle)))
    return graph.node("Div", root(graph, variance, 1e-8), graph.node("Add", graph.node("Flatten", middle, axis=1),
                                                                     number(graph, 0.02)))
