"""Reads a cascade of local binary patterns as OpenCV writes it, and adds it to a graph.

A window of 24 × 24 pixels passes stage after stage. A stage adds the votes of some weak classifiers; each compares the
brightness of a block of pixels with those of the eight blocks around it, which makes a number of eight bits, and looks it
up in a table (Zhang, Chu, Xiang, Liao and Li, *Face detection based on multi-block LBP*, ICB 2007).
"""

from dataclasses import dataclass
from xml.etree import ElementTree

import numpy as np

WINDOW = 24
# The eight blocks around the middle one, row and column of each, from the highest bit to the lowest.
_NEIGHBOURS = [(0, 0), (0, 1), (0, 2), (1, 2), (2, 2), (2, 1), (2, 0), (1, 0)]
# Of 255: blocks of the same brightness count as brighter, and rounding must not decide that.
_SAME = 0.05


@dataclass
class Weak:
    """A weak classifier: where its upper left block lies, how large it is, and its vote for each pattern."""
    left: int
    top: int
    width: int
    height: int
    votes: np.ndarray


@dataclass
class Stage:
    """A window passes when the votes together reach the threshold."""
    threshold: float
    weak: list[Weak]


def read(xml: bytes) -> list[Stage]:
    """The stages of the file."""
    cascade = ElementTree.fromstring(xml).find("cascade")
    blocks = [tuple(map(int, entry.find("rect").text.split())) for entry in cascade.find("features")]
    return [Stage(float(stage.find("stageThreshold").text), [_weak(entry, blocks) for entry in stage.find("weakClassifiers")])
            for stage in cascade.find("stages")]


def _weak(entry, blocks):
    _, _, block, *words = map(int, entry.find("internalNodes").text.split())
    inside, outside = map(float, entry.find("leafValues").text.split())
    bits = np.array(words, np.int64).astype(np.uint32).astype("<u4").view(np.uint8)
    is_inside = np.unpackbits(bits, bitorder="little").astype(bool)
    return Weak(*blocks[block], np.where(is_inside, inside, outside).astype(np.float32))


def add_to(graph, picture: str, side: int, stages: list[Stage]) -> list[str]:
    """For a picture [batch, 1, side, side], how far each stage's votes are above its threshold, for each window
    [batch, 1, side − 23, side − 23]."""
    patterns = {}

    def votes(weak):
        size = (weak.width, weak.height)
        if size not in patterns:
            patterns[size] = _patterns(graph, picture, *size)
        windows = side - WINDOW + 1
        rows = graph.cut(patterns[size], 2, weak.top, weak.top + windows)
        there = graph.cut(rows, 3, weak.left, weak.left + windows)
        return graph.node("Gather", graph.constant(weak.votes), there)

    margins = []
    for stage in stages:
        total = graph.node("Sum", *(votes(weak) for weak in stage.weak))
        margins.append(graph.node("Sub", total, graph.constant(np.float32(stage.threshold - 1e-5))))
    return margins


def _patterns(graph, picture, width, height):
    """The number of eight bits for blocks of one size at every place, as int32."""
    means = graph.node("AveragePool", picture, kernel_shape=[height, width], strides=[1, 1])
    compare = np.zeros((8, 1, 3, 3), np.float32)
    compare[:, 0, 1, 1] = -1
    for bit, (row, column) in enumerate(_NEIGHBOURS):
        compare[bit, 0, row, column] = 1
    difference = graph.node("Conv", means, graph.constant(compare), kernel_shape=[3, 3], dilations=[height, width])
    brighter = graph.node("Cast", graph.node("Greater", difference, graph.constant(np.float32(-_SAME))), to=1)
    number = graph.mix(brighter, [[2 ** (7 - bit) for bit in range(8)]])
    return graph.node("Cast", number, to=6)
