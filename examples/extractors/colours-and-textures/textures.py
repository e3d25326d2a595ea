"""Textures: detail by size, sharpness, noise, local binary patterns, blocks."""

import numpy as np

from measures import SIZE, Measure, deviation, mean, number, root, square

PATTERNS = ["even areas and bright dots", "ends of dark lines", "dark corners", "dark edges", "straight edges of texture",
            "bright edges", "bright corners", "ends of bright lines", "dark dots", "tangled texture"]
# Clockwise round the pixel.
RING = [(0, 0), (0, 1), (0, 2), (1, 2), (2, 2), (2, 1), (2, 0), (1, 0)]
# A neighbour counts as brighter when it is by more than this.
BRIGHTER = 0.012
SIZES = ["finest detail", "detail of fine size", "detail of medium size", "coarse detail"]


def measures(picture) -> list[Measure]:
    graph = picture.graph
    details = [detail(graph, grey) for grey in picture.greys]
    finest, medium = details[0], details[2]
    sharpness = graph.node("Div", finest, graph.node("Add", medium, number(graph, 0.01)))
    return [
        *(Measure([size], tensor, 0.012) for size, tensor in zip(SIZES, details, strict=True)),
        Measure(["sharpness"], sharpness, 0.12),
        Measure(["noise"], noise(graph, picture.grey), 0.015),
        Measure(["contrast within small areas"], local_contrast(graph, picture.greys[0], 8), 0.05),
        Measure(["contrast within larger areas"], local_contrast(graph, picture.greys[0], 32), 0.06),
        Measure([f"{pattern}, fine" for pattern in PATTERNS], patterns(graph, picture.greys[0], SIZE), 0.06),
        Measure([f"{pattern}, coarse" for pattern in PATTERNS], patterns(graph, picture.greys[2], SIZE // 4), 0.06),
        Measure(["blocks of eight pixels"], blocks(graph, picture.grey), 0.2),
    ]


def detail(graph, grey):
    """[batch, 1]: how far pixels are from the mean of the nine around them."""
    around = graph.node("AveragePool", grey, kernel_shape=[3, 3], strides=[1, 1], pads=[1, 1, 1, 1], count_include_pad=0)
    return mean(graph, graph.node("Abs", graph.node("Sub", grey, around)))


def noise(graph, grey):
    """Immerkær, *Fast noise variance estimation*, Comput. Vis. Image Underst. 64, 1996."""
    kernel = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]])[None, None]
    answer = graph.convolution(grey, kernel, np.zeros(1), stride=1, padding=(0, 0, 0, 0))
    return graph.node("Mul", mean(graph, graph.node("Abs", answer)), number(graph, (np.pi / 2) ** 0.5 / 6))


def local_contrast(graph, grey, side):
    """[batch, 1]: the root of the mean variance within squares of so many pixels."""
    pool = {"kernel_shape": [side, side], "strides": [side, side]}
    mean_of_squares = graph.node("AveragePool", square(graph, grey), **pool)
    square_of_mean = square(graph, graph.node("AveragePool", grey, **pool))
    return root(graph, mean(graph, graph.node("Sub", mean_of_squares, square_of_mean)))


def patterns(graph, grey, side):
    """[batch, 10]: uniform local binary patterns, whichever way they are turned (Ojala, Pietikäinen and Mäenpää, PAMI 24,
    2002): the number of brighter neighbours where these lie side by side, and how often they do not."""
    compare = np.zeros((8, 1, 3, 3))
    compare[:, 0, 1, 1] = -1
    for place, (row, column) in enumerate(RING):
        compare[place, 0, row, column] = 1
    difference = graph.convolution(grey, compare, np.zeros(8), stride=1, padding=(0, 0, 0, 0))
    brighter = graph.node("Cast", graph.node("Greater", difference, number(graph, BRIGHTER)), to=1)
    step = np.eye(8) - np.roll(np.eye(8), 1, axis=1)
    changes = graph.mix(graph.node("Abs", graph.mix(brighter, step)), np.ones((1, 8)))
    is_uniform = graph.node("Cast", graph.node("Less", changes, number(graph, 2.5)), to=1)
    count = graph.mix(brighter, np.ones((1, 8)))
    places = graph.constant(np.arange(9, dtype=np.float32).reshape(1, 9, 1, 1))
    is_so_many = graph.node("Relu", graph.node("Sub", number(graph, 1),
                                               graph.node("Abs", graph.node("Sub", count, places))))
    uniform = mean(graph, graph.node("Mul", is_so_many, is_uniform))
    rest = graph.node("Sub", number(graph, 1), mean(graph, is_uniform))
    return graph.node("Concat", uniform, rest, axis=1)


def blocks(graph, grey):
    """[batch, 1]: how much larger the steps between every eighth row or column and the next are than the others.

    The blocks of a strong JPEG compression, where the picture is not resized before: 256 pixels, or a multiple of that
    which divides them.
    """
    seams = np.array([place % 8 == 7 for place in range(SIZE - 1)], np.float32)
    excess = []
    for axis, shape in ((2, (1, 1, -1, 1)), (3, (1, 1, 1, -1))):
        after, before = graph.cut(grey, axis, 1, SIZE), graph.cut(grey, axis, 0, SIZE - 1)
        step = graph.node("Abs", graph.node("Sub", after, before))

        def over(which, step=step, shape=shape):
            weights = graph.constant((which / which.mean()).reshape(shape).astype(np.float32))
            return mean(graph, graph.node("Mul", step, weights))

        at, beside = over(seams), over(1 - seams)
        excess.append(graph.node("Div", graph.node("Sub", at, beside), graph.node("Add", beside, number(graph, 0.005))))
    both = graph.node("Mul", graph.node("Add", *excess), number(graph, 0.5))
    return graph.node("Clip", both, number(graph, -1), number(graph, 2))
