"""Pictures of which everybody knows the answer: name, a picture that has much of it, one that has less."""

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from measures import SIZE


def comparisons():
    grey, striped = plain("#808080"), stripes(0)
    for name, colour in (("black", "#101010"), ("white", "#fafafa"), ("grey", "#787878"), ("red", "#d01818"),
                         ("orange", "#f08a10"), ("yellow", "#f8e010"), ("green", "#209030"), ("blue", "#1840c0"),
                         ("purple", "#7a2090"), ("pink", "#ffb0c8"), ("brown", "#70401c")):
        other = grey if name != "grey" else plain("#d01818")
        yield name, plain(colour), other
        yield f"{name} in the middle", spot(colour), plain("#808080" if name != "grey" else "#d01818")
    for place, name in enumerate(["red", "orange", "yellow", "yellow-green", "green", "sea green", "cyan", "sky blue", "blue",
                                  "violet", "magenta", "crimson"]):
        turned = Image.new("HSV", (SIZE, SIZE), (round(255 * place / 12), 200, 220)).convert("RGB")
        opposite = Image.new("HSV", (SIZE, SIZE), (round(255 * (place + 6) / 12) % 256, 200, 220)).convert("RGB")
        yield f"{name} hue", turned, opposite
    for angle, run in ((0, "horizontal edges"), (22.5, "edges rising a little to the right"), (45, "edges rising to the right"),
                       (67.5, "edges rising steeply"), (90, "vertical edges"), (112.5, "edges falling steeply"),
                       (135, "edges falling to the right"), (157.5, "edges falling a little to the right")):
        yield f"{run}, fine", stripes(angle), stripes(angle + 45)
        yield f"{run}, coarse", stripes(angle, 40), stripes(angle + 45, 40)
    yield "brightness", plain("#c0c0c0"), grey
    yield "contrast", striped, grey
    yield "colourfulness", plain("#d01818"), grey
    yield "red rather than green", plain("#b06060"), grey
    yield "yellow rather than blue", plain("#a0a060"), grey
    yield "yellow tint in light parts", plain("#fff0c0"), plain("#ffffff")
    yield "yellow tint in dark parts", plain("#202008"), plain("#181818")
    yield "edges", striped, grey
    yield "flat area", grey, striped
    noise = np.random.default_rng(0).normal(128, 12, (SIZE, SIZE, 3))
    yield "noise", Image.fromarray(np.clip(noise, 0, 255).astype(np.uint8)), grey
    yield "sharpness", written(), written().filter(ImageFilter.GaussianBlur(3))
    yield "thin dark strokes", written(), grey
    yield "dark strokes as dense as print", written(), grey
    yield "strokes in rows", written(), written().rotate(90)
    yield "strokes in columns", written().rotate(90), written()
    yield "likeness of left and right", stripes(0, 64), stripes(45, 200)
    yield "likeness of top and bottom", stripes(90, 64), stripes(45, 200)
    yield "light at the border", spot("#000000", "#ffffff"), spot("#ffffff", "#000000")
    yield "contrast along the border", striped, grey
    yield "light at the upper left", corner(), corner().rotate(180)
    yield "edges at the upper left", corner(), corner().rotate(180)
    blocky = Image.fromarray(np.kron(np.random.default_rng(1).integers(0, 255, (32, 32, 3)), np.ones((8, 8, 1))).astype(np.uint8))
    yield "blocks of eight pixels", blocky, blocky.filter(ImageFilter.GaussianBlur(6))


def plain(colour: str) -> Image.Image:
    return Image.new("RGB", (SIZE, SIZE), colour)


def spot(colour: str, ground: str = "#808080") -> Image.Image:
    image = plain(ground)
    ImageDraw.Draw(image).rectangle((SIZE // 3, SIZE // 3, 2 * SIZE // 3, 2 * SIZE // 3), colour)
    return image


def stripes(angle: float, width: int = 16) -> Image.Image:
    """Running at so many degrees above the horizontal."""
    y, x = np.mgrid[0:SIZE, 0:SIZE]
    across = x * np.sin(np.radians(angle)) + y * np.cos(np.radians(angle))
    grey = (127 + 100 * np.sin(2 * np.pi * (across - SIZE / 2) / width)).astype(np.uint8)
    return Image.fromarray(np.repeat(grey[:, :, None], 3, axis=2))


def written() -> Image.Image:
    image = plain("#f4f4f0")
    for row in range(9):
        ImageDraw.Draw(image).text((10, 10 + 26 * row), "lorem amet sed nonumy eirmod", "#202024", ImageFont.load_default(15))
    return image


def corner() -> Image.Image:
    image = plain("#303030")
    ImageDraw.Draw(image).ellipse((8, 8, 70, 70), "#f0f0f0")
    return image
