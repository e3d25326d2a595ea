"""Builds colours-and-textures 1.0.0.    build.py OUT   →   OUT/colours-and-textures-1.0.0/

No weights: measures of a picture that were written down, each with a name. `hub head explain` speaks in these words.
"""

import sys
from pathlib import Path

import onnx

import colours
import composition
import edges
import known_pictures
import textures

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from recipe import meanings, probes  # noqa: E402
from recipe.folder import write_folder  # noqa: E402
from recipe.graph import Graph  # noqa: E402
from measures import SIZE, Picture  # noqa: E402


def main(out: Path) -> None:
    model, names = network()
    meanings.check(model, names, known_pictures.comparisons(), lambda pixels: pixels / 255)
    write_folder(HERE / "1.0.0", out / "colours-and-textures-1.0.0", model, probes.everyday_objects() | probes.styles(), names)


def network() -> tuple[onnx.ModelProto, list[str]]:
    """The graph and the names of its features."""
    graph = Graph("colours-and-textures", SIZE, SIZE)
    picture = Picture(graph)
    measures = [measure for part in (colours, edges, textures, composition) for measure in part.measures(picture)]
    names = [name for measure in measures for name in measure.names]
    scaled = [measure.scaled(graph) for measure in measures]
    return graph.finish(graph.node("Concat", *scaled, axis=1), len(names)), names


if __name__ == "__main__":
    main(Path(sys.argv[1]))
