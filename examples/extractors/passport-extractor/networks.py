"""The two graphs of passport-extractor: space 2, and space 2 with text."""

import sys
from pathlib import Path

import numpy as np
import onnx

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from recipe import efficientnet_lite, foreign_network, text_networks  # noqa: E402
from recipe.graph import Graph  # noqa: E402

TEXT_DIMENSION = 720
TEXT_STATISTICS = HERE / "text_statistics.npy"

# Makes the appended features of a typical document as long, about their mean, as the 1280 before them (8.1), so that
# neither part drowns the other in a head that scales whole vectors.
_TEXT_WEIGHT = 0.3
_TEXT_SIZE = 320
# The ends of the four stages of the text detector, at 1/4, 1/8, 1/16 and 1/32 of its input: 48, 96, 192, 384 channels.
_TEXT_STAGES = ["p2o.Add.43", "p2o.Add.71", "p2o.Add.147", "p2o.Add.215"]


def layout_network() -> onnx.ModelProto:
    """2.0.0: 1280 features of what is seen."""
    graph = _graph()
    output = efficientnet_lite.add_to(graph, efficientnet_lite.fetch_weights())
    return graph.finish(output, efficientnet_lite.DIMENSION)


def layout_and_text_network() -> onnx.ModelProto:
    """2.1.0: the same 1280 features, then 720 of where text is and how much, standardised over documents."""
    graph = _graph()
    seen = efficientnet_lite.add_to(graph, efficientnet_lite.fetch_weights())
    mean, deviation = np.load(TEXT_STATISTICS)
    gain = _TEXT_WEIGHT / deviation
    text = graph.node("Mul", _text(graph), graph.constant(gain))
    text = graph.node("Add", text, graph.constant(-mean * gain))
    both = graph.node("Concat", seen, text, axis=1)
    return graph.finish(both, efficientnet_lite.DIMENSION + TEXT_DIMENSION)


def text_network() -> onnx.ModelProto:
    """The raw 720 text features alone, for measuring their statistics."""
    graph = _graph()
    return graph.finish(_text(graph), TEXT_DIMENSION)


def _graph():
    return Graph("passport-extractor", efficientnet_lite.SIZE, efficientnet_lite.SIZE)


def _text(graph):
    """The text detector looks at the same tensor, enlarged, with its own scaling (pixel / 127.5 − 1) and BGR order."""
    factor = np.float32(efficientnet_lite.SCALE / 127.5)
    offset = np.float32(efficientnet_lite.SHIFT / 127.5 - 1)
    picture = graph.node("Add", graph.node("Mul", graph.input, graph.constant(factor)), graph.constant(offset))
    enlargement = np.array([1, 1, *[_TEXT_SIZE / efficientnet_lite.SIZE] * 2], np.float32)
    picture = graph.node("Resize", picture, "", graph.constant(enlargement),
                         mode="linear", coordinate_transformation_mode="half_pixel")
    picture = graph.node("Gather", picture, graph.constant(np.array([2, 1, 0])), axis=1)
    stages = foreign_network.add_to(graph, text_networks.detector(), picture, _TEXT_STAGES, "text.")
    return graph.node("Concat", *map(graph.average_over_image, stages), axis=1)
