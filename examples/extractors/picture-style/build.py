"""Builds picture-style 1.0.0.    build.py OUT   →   OUT/picture-style-1.0.0/"""

import sys
from pathlib import Path

import onnx

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from recipe import efficientnet_lite, probes, style_statistics  # noqa: E402
from recipe.folder import write_folder  # noqa: E402
from recipe.graph import Graph  # noqa: E402


def main(out: Path) -> None:
    write_folder(HERE / "1.0.0", out / "picture-style-1.0.0", network(), probes.styles())


def network() -> onnx.ModelProto:
    """The statistics of the first layers of EfficientNet-lite0; the other layers are left out."""
    graph = Graph("picture-style", efficientnet_lite.SIZE, efficientnet_lite.SIZE)
    stages = efficientnet_lite.add_stages_to(graph, efficientnet_lite.fetch_weights(), style_statistics.STAGES)
    return graph.finish(style_statistics.add_to(graph, stages), style_statistics.DIMENSION)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
