"""Statistics of the first layers of a network for objects: what its small filters answer to, how strongly, and which of
them together, averaged over the whole picture (the Gram matrices of Gatys, Ecker and Bethge, CVPR 2016). Where in the
picture something is, and what it forms together, is averaged away; tint, texture, light and line stay."""

import numpy as np

from . import projection
from .graph import Graph

# Behind the first layer and three stages of EfficientNet-lite0, at 1/2 to 1/8 of the picture's size.
CHANNELS = (32, 16, 24, 40)
STAGES = len(CHANNELS) - 1
PROJECTED = 512
DIMENSION = 2 * sum(CHANNELS) + PROJECTED


def add_to(graph: Graph, stages: list[str]) -> str:
    """[batch, 736]: means and deviations of all channels, then the projected correlations of all pairs of channels."""
    simple, products = [], []
    for tensor, channels in zip(stages, CHANNELS, strict=True):
        mean, deviation, pairs = _statistics(graph, tensor, channels)
        simple += [mean, deviation]
        products.append(pairs)
    count = sum(channels * (channels + 1) // 2 for channels in CHANNELS)
    matrix = projection.signs(count, PROJECTED, "picture-style 1.0.0")
    projected = graph.node("MatMul", graph.node("Concat", *products, axis=1), graph.constant(matrix))
    return graph.node("Concat", *simple, projected, axis=1)


def _statistics(graph, x, channels):
    """Mean and deviation of each channel, and the correlation of each pair of channels over the picture."""
    mean = graph.average_over_image(x)
    flat = graph.node("Reshape", x, graph.constant(np.array([0, channels, -1], np.int64)))
    pixels = graph.node("ReduceMean", graph.node("Mul", flat, flat), axes=[2], keepdims=0)
    variance = graph.node("Sub", pixels, graph.node("Mul", mean, mean))
    deviation = graph.node("Sqrt", graph.node("Max", variance, graph.constant(np.float32(1e-6))))
    centred = graph.node("Sub", flat, graph.node("ReduceMean", flat, axes=[2], keepdims=1))
    length = graph.node("Sqrt", graph.node("Add", graph.node("ReduceSum", graph.node("Mul", centred, centred),
                                                             graph.constant(np.array([2], np.int64)), keepdims=1),
                                           graph.constant(np.float32(1e-3))))
    unit = graph.node("Div", centred, length)
    gram = graph.node("MatMul", unit, graph.node("Transpose", unit, perm=[0, 2, 1]))
    gram = graph.node("Reshape", gram, graph.constant(np.array([0, channels * channels], np.int64)))
    rows, columns = np.triu_indices(channels)
    upper = graph.node("Gather", gram, graph.constant((rows * channels + columns).astype(np.int64)), axis=1)
    return mean, deviation, upper
