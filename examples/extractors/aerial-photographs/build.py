"""Builds aerial-photographs 1.0.0.    build.py OUT   →   OUT/aerial-photographs-1.0.0/"""

import io
import sys
from pathlib import Path

import numpy as np
import onnx

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from recipe import batch_norm, probes  # noqa: E402
from recipe.folder import write_folder  # noqa: E402
from recipe.graph import Graph  # noqa: E402
from recipe.weights import fetch  # noqa: E402

SIZE, DIMENSION = 128, 256
# The fourth stage serves the embedding that the network was trained to make, of scenes 38 metres wide; the third says
# more of what covers the ground.
STAGES = 3


def main(out: Path) -> None:
    write_folder(HERE / "1.0.0", out / "aerial-photographs-1.0.0", network(), probes.from_above())


def network() -> onnx.ModelProto:
    """Three stages of a residual network, averaged over the picture."""
    weights = np.load(io.BytesIO(fetch(
        "geoembed", "1.1.2", "49d2fbf888f5d54ba68a789181930abb012b285437d689244a1cd61d7ac9c76b",
        "geoembed/weights/v3.npz")), allow_pickle=False)
    graph = Graph("aerial-photographs", SIZE, SIZE)
    layers = _Layers(graph, weights)
    x = graph.node("Relu", layers.convolve(graph.input, "bb.stem.0", "bb.stem.1"))
    for stage in range(1, STAGES + 1):
        for block in range(2):
            x = layers.block(x, f"bb.layer{stage}.{block}.", 2 if stage > 1 and block == 0 else 1)
    return graph.finish(graph.average_over_image(x), DIMENSION)


class _Layers:
    def __init__(self, graph, weights):
        self.graph, self.weights = graph, weights

    def block(self, x, prefix, stride):
        """Two convolutions, added to their input, which a third brings to their shape where it has another."""
        y = self.graph.node("Relu", self.convolve(x, prefix + "conv1", prefix + "bn1", stride))
        y = self.convolve(y, prefix + "conv2", prefix + "bn2")
        if prefix + "short.0.weight" in self.weights:
            x = self.convolve(x, prefix + "short.0", prefix + "short.1", stride)
        return self.graph.node("Relu", self.graph.node("Add", y, x))

    def convolve(self, x, convolution, norm, stride=1):
        weight, bias = batch_norm.fold(
            self.weights[convolution + ".weight"],
            *(self.weights[f"{norm}.{part}"] for part in ("weight", "bias", "running_mean", "running_var")), 1e-5)
        return self.graph.convolution(x, weight, bias, stride=stride, padding=[weight.shape[2] // 2] * 4)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
