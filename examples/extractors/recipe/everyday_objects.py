"""The extractors of everyday objects: one network in three sizes, each a release of its own."""

from pathlib import Path

from . import efficientnet_lite, probes
from .folder import write_folder
from .graph import Graph


def build(texts: Path, out: Path, variant: efficientnet_lite.Variant) -> None:
    """Writes the folder `out`/NAME-VERSION of the release whose texts are in `texts`, which is called NAME/VERSION."""
    name, version = texts.parts[-2:]
    graph = Graph(name, variant.size, variant.size)
    output = efficientnet_lite.add_to(graph, efficientnet_lite.fetch_weights(variant), variant)
    model = graph.finish(output, efficientnet_lite.DIMENSION)
    write_folder(texts, out / f"{name}-{version}", model, probes.everyday_objects())
