"""Builds everyday-objects 1.0.0.    build.py OUT   →   OUT/everyday-objects-1.0.0/"""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from recipe import efficientnet_lite, probes  # noqa: E402
from recipe.folder import write_folder  # noqa: E402
from recipe.graph import Graph  # noqa: E402


def main(out: Path) -> None:
    graph = Graph("everyday-objects", efficientnet_lite.SIZE, efficientnet_lite.SIZE)
    output = efficientnet_lite.add_to(graph, efficientnet_lite.fetch_weights())
    model = graph.finish(output, efficientnet_lite.DIMENSION)
    write_folder(HERE / "1.0.0", out / "everyday-objects-1.0.0", model, probes.everyday_objects())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
