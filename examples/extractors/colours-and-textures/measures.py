"""What measures are made of: the picture in several forms, and means over it."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

SIZE = 256
# Of the red, green and blue samples in grey (ITU-R BT.601).
LUMA = [0.299, 0.587, 0.114]


@dataclass
class Measure:
    """Some features, [batch, len(names)]. `spread` is about how much they differ between pictures, so that all count alike."""
    names: list[str]
    tensor: str
    spread: float

    def scaled(self, graph) -> str:
        return graph.node("Mul", self.tensor, graph.constant(np.float32(1 / self.spread)))


class Picture:
    """The picture, samples from 0 to 1: colours, grey, and grey at halves, quarters and eighths of its size."""

    def __init__(self, graph):
        self.graph = graph
        self.colours = graph.input

    @cached_property
    def grey(self) -> str:
        return self.graph.mix(self.colours, [LUMA])

    @cached_property
    def greys(self) -> list[str]:
        """At full size, a half, a quarter, an eighth: 256, 128, 64, 32 pixels."""
        found = [self.grey]
        for _ in range(3):
            found.append(halved(self.graph, found[-1]))
        return found

    @cached_property
    def small(self) -> str:
        """Colours at half the size."""
        return halved(self.graph, self.colours)

    @cached_property
    def tiny(self) -> str:
        """Colours at a quarter of the size."""
        return halved(self.graph, self.small)


def halved(graph, x) -> str:
    return graph.node("AveragePool", x, kernel_shape=[2, 2], strides=[2, 2])


def mean(graph, x) -> str:
    """[batch, channels]."""
    return graph.average_over_image(x)


def root(graph, x, floor: float = 1e-6) -> str:
    return graph.node("Sqrt", graph.node("Max", x, number(graph, floor)))


def number(graph, value: float) -> str:
    return graph.constant(np.float32(value))


def square(graph, x) -> str:
    return graph.node("Mul", x, x)


def deviation(graph, x) -> str:
    """[batch, channels], of the pixels of each channel."""
    centred = graph.node("Sub", x, graph.node("GlobalAveragePool", x))
    return root(graph, mean(graph, square(graph, centred)))


def shares(graph, x, addend: float) -> str:
    """[batch, parts] of which each becomes its part of all; `addend` is what "hardly any" is."""
    whole = graph.node("ReduceSum", x, graph.constant(np.array([1], np.int64)), keepdims=1)
    return graph.node("Div", x, graph.node("Add", whole, number(graph, addend)))


def around(graph, x, centres: list[float], width: float) -> str:
    """A histogram [batch, centres] of a tensor of one channel; each pixel counts for the two centres it lies between."""
    places = graph.constant(np.array(centres, np.float32).reshape(1, -1, 1, 1))
    distance = graph.node("Abs", graph.node("Sub", x, places))
    near = graph.node("Relu", graph.node("Sub", number(graph, 1), graph.node("Mul", distance, number(graph, 1 / width))))
    return mean(graph, near)


def directions(graph, cosine_and_sine, count: int, start: float) -> str:
    """[batch, count]: how much of a field of arrows points each way, as shares.

    `cosine_and_sine` is [batch, 2, height, width]; the ways are `count` angles round the circle from `start`, in radians.
    An arrow counts by its length, for the ways that are less than one step away.
    """
    angles = start + 2 * np.pi * np.arange(count) / count
    step = float(np.cos(2 * np.pi / count))
    along = graph.mix(cosine_and_sine, np.stack([np.cos(angles), np.sin(angles)], axis=1))
    length = root(graph, graph.mix(square(graph, cosine_and_sine), [[1, 1]]), 1e-10)
    over = graph.node("Relu", graph.node("Sub", along, graph.node("Mul", length, number(graph, step))))
    return shares(graph, mean(graph, over), 1e-3)


def grid(graph, x, cells: int, side: int) -> str:
    """[batch, cells²]: means of a tensor of one channel over the cells of a grid, row by row."""
    step = side // cells
    return graph.node("Flatten", graph.node("AveragePool", x, kernel_shape=[step, step], strides=[step, step]), axis=1)


NINTHS = ["at the upper left", "at the top", "at the upper right", "at the left", "in the middle", "at the right",
          "at the lower left", "at the bottom", "at the lower right"]
