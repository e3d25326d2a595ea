"""Builds text-direction 1.0.0.    build.py OUT   →   OUT/text-direction-1.0.0/"""

import sys
from pathlib import Path

import onnx

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from recipe import foreign_network, probes, text_networks  # noqa: E402
from recipe.folder import write_folder  # noqa: E402
from recipe.graph import Graph  # noqa: E402

HEIGHT, WIDTH, DIMENSION = 48, 192, 200


def main(out: Path) -> None:
    write_folder(HERE / "1.0.0", out / "text-direction-1.0.0", network(), probes.lines())


def network() -> onnx.ModelProto:
    """What the network tells by whether a line of text is upside down."""
    graph = Graph("text-direction", HEIGHT, WIDTH)
    (pooled,) = foreign_network.add_to(graph, text_networks.direction(), graph.input, ["pool2d_10.tmp_0"], "line.")
    return graph.finish(graph.node("Flatten", pooled, axis=1), DIMENSION)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
