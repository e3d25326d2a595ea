"""The graph of illustrations: what is drawn and how, side by side."""

import sys
from pathlib import Path

import numpy as np
import onnx

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from recipe import efficientnet_lite, style_statistics  # noqa: E402
from recipe.graph import Graph  # noqa: E402

STATISTICS = HERE / "statistics.npy"
DIMENSION = efficientnet_lite.DIMENSION + style_statistics.DIMENSION
# Of the style's features beside the objects': more of it costs objects, less of it styles.
STYLE_WEIGHT = 0.5


def network() -> onnx.ModelProto:
    """Objects and style, each without its mean over many pictures and as long as the other, the style then weighed."""
    graph = _graph()
    means = np.load(STATISTICS).astype(np.float64)
    offset, gain = np.zeros(DIMENSION), np.zeros(DIMENSION)
    for part, weight in zip(_parts(), (1.0, STYLE_WEIGHT), strict=True):
        # The second row holds, for each part, the mean distance from the mean.
        gain[part] = weight / means[1, part]
        offset[part] = -means[0, part] * gain[part]
    scaled = graph.node("Mul", _both(graph), graph.constant(gain.astype(np.float32)))
    return graph.finish(graph.node("Add", scaled, graph.constant(offset.astype(np.float32))), DIMENSION)


def raw_network() -> onnx.ModelProto:
    """The features as they are, for measuring their statistics."""
    graph = _graph()
    return graph.finish(_both(graph), DIMENSION)


def statistics(table: np.ndarray) -> np.ndarray:
    """[2, dimension] of the features [pictures, dimension] of many: means, and each part's mean distance from them."""
    mean = table.mean(0, dtype=np.float64)
    distances = np.empty(DIMENSION)
    for part in _parts():
        distances[part] = np.linalg.norm(table[:, part] - mean[part], axis=1).mean()
    return np.stack([mean, distances]).astype(np.float32)


def _graph():
    return Graph("illustrations", efficientnet_lite.SIZE, efficientnet_lite.SIZE)


def _both(graph):
    objects, stages = efficientnet_lite.add_with_stages_to(graph, efficientnet_lite.fetch_weights())
    style = style_statistics.add_to(graph, stages[:style_statistics.STAGES + 1])
    return graph.node("Concat", objects, style, axis=1)


def _parts():
    return slice(0, efficientnet_lite.DIMENSION), slice(efficientnet_lite.DIMENSION, DIMENSION)
