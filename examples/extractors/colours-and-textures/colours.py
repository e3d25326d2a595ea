"""Colours: shares of the eleven basic names, hues, how strong and how light, and what they lean to."""

import numpy as np

from measures import NINTHS, LUMA, Measure, around, deviation, directions, grid, mean, number, root, square

# Berlin and Kay's eleven basic colour names, each with colours that people call so. A pixel counts for the name whose
# colour is nearest in CIELAB.
NAMED = {
    "black": "000000 1a1a1a 14181e",
    "white": "ffffff f3f3f1 faf6ee",
    "grey": "404040 606060 808080 a0a0a0 c0c0c0 d8d8d8",
    "red": "ff0000 e02020 c00000 a01018 800000 d83a3a",
    "orange": "ff8c00 ffa500 f07020 e08030 ffb050",
    "yellow": "ffff00 ffe000 f0d040 fff080 d8c020",
    "green": "008000 00ff00 206020 60a040 80c080 b0e090 6b8e23 2e8b57 103818",
    "blue": "0000ff 000080 2050a0 4080c0 87ceeb b0d8f0 1e90ff 102040 4060ff",
    "purple": "800080 6020a0 9060c0 b080d0 4b0082 a040a0",
    "pink": "ffc0cb ff69b4 ff90b0 e890b0 ff1493 f8d0d8",
    "brown": "8b4513 603818 402010 a07040 704828 c0a070 584838",
}
HUES = ["red", "orange", "yellow", "yellow-green", "green", "sea green", "cyan", "sky blue", "blue", "violet", "magenta",
        "crimson"]
STRENGTHS = ["area without colour", "pale colour", "medium colour", "strong colour", "glowing colour"]
LIGHTNESSES = ["darkest tone", "very dark tone", "dark tone", "medium dark tone", "medium light tone", "light tone",
               "very light tone", "lightest tone"]
# From linear red, green and blue to the CIE's X, Y and Z over those of white (IEC 61966-2-1, D65).
TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]) \
    / np.array([[0.9505], [1.0], [1.089]])
# Squared distance in CIELAB within which a pixel may count for two names.
SOFTNESS = 60.0


def measures(picture) -> list[Measure]:
    graph = picture.graph
    lab = to_lab(graph, picture.tiny)
    names = named(graph, lab)
    middle = graph.cut(graph.cut(names, 2, 16, 48), 3, 16, 48)
    lightness = graph.mix(lab, [[0.01, 0, 0]])
    hue = graph.mix(picture.small, [[1, -0.5, -0.5], [0, 3**0.5 / 2, -(3**0.5) / 2]])
    strength = graph.node("Sub", graph.node("ReduceMax", picture.small, axes=[1]),
                          graph.node("ReduceMin", picture.small, axes=[1]))
    tilts = graph.mix(picture.small, [[1, -1, 0], [0.5, 0.5, -1]])
    spread, lean = deviation(graph, tilts), mean(graph, tilts)
    return [
        Measure(list(NAMED), mean(graph, names), 0.15),
        Measure([f"{name} in the middle" for name in NAMED], mean(graph, middle), 0.2),
        Measure([f"{name} hue" for name in HUES], directions(graph, hue, len(HUES), 0.0), 0.15),
        Measure(STRENGTHS, around(graph, strength, [0, 0.25, 0.5, 0.75, 1], 0.25), 0.15),
        Measure(LIGHTNESSES, around(graph, lightness, [step / 7 for step in range(8)], 1 / 7), 0.12),
        Measure([f"light {place}" for place in NINTHS], grid(graph, lightness, 3, 64), 0.25),
        Measure(["brightness"], mean(graph, picture.grey), 0.15),
        Measure(["contrast"], deviation(graph, picture.grey), 0.08),
        Measure(["colourfulness"], colourfulness(graph, spread, lean), 0.12),
        Measure(["red rather than green", "yellow rather than blue"], lean, 0.08),
        Measure(["contrast of red and green", "contrast of yellow and blue"], spread, 0.08),
        Measure(["yellow tint in light parts"], tint(graph, picture.small, light=True), 0.08),
        Measure(["yellow tint in dark parts"], tint(graph, picture.small, light=False), 0.08),
    ]


def to_lab(graph, colours):
    """[batch, 3, height, width]: CIELAB, lightness from 0 to 100."""
    low = graph.node("Mul", colours, number(graph, 1 / 12.92))
    base = graph.node("Mul", graph.node("Add", colours, number(graph, 0.055)), number(graph, 1 / 1.055))
    high = graph.node("Pow", base, number(graph, 2.4))
    linear = graph.node("Where", graph.node("Less", colours, number(graph, 0.04045)), low, high)
    ratio = graph.node("Relu", graph.mix(linear, TO_XYZ))
    near_black = graph.node("Add", graph.node("Mul", ratio, number(graph, 7.787)), number(graph, 16 / 116))
    cube_root = graph.node("Pow", graph.node("Max", ratio, number(graph, 1e-6)), number(graph, 1 / 3))
    curved = graph.node("Where", graph.node("Less", ratio, number(graph, 0.008856)), near_black, cube_root)
    return graph.mix(curved, [[0, 116, 0], [500, -500, 0], [0, 200, -200]], [-16, 0, 0])


def named(graph, lab):
    """[batch, 11, height, width]: how far each pixel counts for each name; the names of a pixel sum to 1."""
    examples = [(row, lab_of(code)) for row, codes in enumerate(NAMED.values()) for code in codes.split()]
    points = np.array([point for _, point in examples])
    owners = np.zeros((len(NAMED), len(points)))
    owners[[row for row, _ in examples], np.arange(len(points))] = 1
    nearness = graph.mix(lab, 2 * points / SOFTNESS, -(points**2).sum(1) / SOFTNESS)
    return graph.mix(graph.node("Softmax", nearness, axis=1), owners)


def lab_of(code: str) -> np.ndarray:
    """The same as the graph computes, of one colour."""
    samples = np.array([int(code[place:place + 2], 16) for place in (0, 2, 4)]) / 255
    linear = np.where(samples < 0.04045, samples / 12.92, ((samples + 0.055) / 1.055) ** 2.4)
    x, y, z = (value ** (1 / 3) if value >= 0.008856 else 7.787 * value + 16 / 116 for value in TO_XYZ @ linear)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def colourfulness(graph, spread, lean):
    """Hasler and Süsstrunk, *Measuring colourfulness in natural images*, 2003."""

    def length(x):
        axes = graph.constant(np.array([1], np.int64))
        return root(graph, graph.node("ReduceSum", square(graph, x), axes, keepdims=1))

    return graph.node("Add", length(spread), graph.node("Mul", length(lean), number(graph, 0.3)))


def tint(graph, colours, light):
    """[batch, 1]: how yellow, above zero, or blue, below, the lighter or the darker pixels are in the mean."""
    grey = graph.mix(colours, [LUMA])
    weight = graph.node("Clip", grey, number(graph, 0), number(graph, 1))
    if not light:
        weight = graph.node("Sub", number(graph, 1), weight)
    weight = square(graph, square(graph, weight))
    yellow = graph.mix(colours, [[0.5, 0.5, -1]])
    whole = graph.node("Add", mean(graph, weight), number(graph, 1e-3))
    return graph.node("Div", mean(graph, graph.node("Mul", yellow, weight)), whole)
