"""Composition: symmetry, and what the border is like."""

import numpy as np

from measures import SIZE, Measure, mean, number, root, square

BORDER = 12


def measures(picture) -> list[Measure]:
    graph, small = picture.graph, picture.greys[3]
    side = SIZE // 8
    centred = graph.node("Sub", small, graph.node("GlobalAveragePool", small))
    backwards = graph.constant(np.arange(side, dtype=np.int64)[::-1].copy())
    left_right = graph.node("Gather", centred, backwards, axis=3)
    top_bottom = graph.node("Gather", centred, backwards, axis=2)
    half_turn = graph.node("Gather", left_right, backwards, axis=2)
    whole = graph.node("Add", mean(graph, square(graph, centred)), number(graph, 1e-3))

    def likeness(mirrored):
        return graph.node("Div", mean(graph, graph.node("Mul", centred, mirrored)), whole)

    return [
        Measure(["likeness of left and right"], likeness(left_right), 0.3),
        Measure(["likeness of top and bottom"], likeness(top_bottom), 0.3),
        Measure(["likeness when turned upside down"], likeness(half_turn), 0.3),
        *border(picture),
    ]


def border(picture) -> list[Measure]:
    """A frame of twelve pixels: plain and light behind things that were cut out, neither in most photographs."""
    graph = picture.graph
    inside = np.zeros((SIZE, SIZE), bool)
    inside[BORDER:-BORDER, BORDER:-BORDER] = True
    weights = graph.constant((~inside / (~inside).mean()).astype(np.float32)[None, None])
    light = mean(graph, graph.node("Mul", picture.grey, weights))
    difference = graph.node("Sub", picture.grey, graph.node("Reshape", light, graph.constant(np.array([0, 0, 1, 1], np.int64))))
    variance = mean(graph, graph.node("Mul", square(graph, difference), weights))
    return [Measure(["light at the border"], light, 0.25), Measure(["contrast along the border"], root(graph, variance), 0.1)]
