"""Draws the probe images: our own pictures, the same on every machine.

They differ in size, shape and kind of PNG (colour, gray, palette, transparent), so that a machine which reproduces their
vectors also reads pictures as the publisher does.
"""

from collections.abc import Callable

from PIL import Image, ImageDraw, ImageFont

_SCALE = 4  # drawn larger, then reduced, so that edges are smooth


def everyday_objects() -> dict[str, Image.Image]:
    """Six simple scenes."""
    return {
        "apple": _draw(128, 128, "#f4efe6", _apple),
        "boat": _draw(192, 120, "#9cc9ec", _boat),
        "house": _draw(96, 128, "#cfe3f2", _house).convert("P", palette=Image.Palette.ADAPTIVE, colors=64),
        "tree": _draw(100, 160, "#e9f0d8", _tree).convert("L"),
        "car": _draw(200, 100, "#d8d8dc", _car),
        "sign": _transparent_corners(_draw(120, 120, "#b0202c", _sign)),
    }


def documents() -> dict[str, Image.Image]:
    """Six small papers, with and without text, portrait, and lines for machines."""
    return {
        "data-page": _draw(190, 134, "#dfe8ee", lambda d, w, h: _page(d, w, h, portrait=True, machine_lines=True)),
        "card": _transparent_corners(
            _draw(172, 108, "#f1e3d2", lambda d, w, h: _page(d, w, h, portrait=True, machine_lines=False))),
        "letter": _draw(120, 170, "#fbfbf7", _letter).convert("L"),
        "blank": _draw(128, 96, "#eceae0", lambda d, w, h: d.rectangle((w * 0.1, h * 0.1, w * 0.9, h * 0.9), "#f8f7f0")),
        "machine-lines": _draw(200, 64, "#f4f4f4", lambda d, w, h: _machine_lines(d, w, h * 0.2, h * 0.9)),
        "turned": _draw(190, 134, "#e6dff0", lambda d, w, h: _page(d, w, h, portrait=False, machine_lines=True))
        .rotate(-17, Image.Resampling.BICUBIC, fillcolor="#3a4a3c"),
    }


def lines() -> dict[str, Image.Image]:
    """Six lines of writing: short and long, light on dark, upside down, with digits, and none."""
    return {
        "word": _line("HARBOUR", "#ffffff", "#1c1c22"),
        "sentence": _line("The boat leaves at noon.", "#f6f1e4", "#3a2e20").convert("L"),
        "code": _line("P<XAR 8708124 F30", "#e8eef2", "#20242c"),
        "light": _line("Open daily", "#203a34", "#f0efe4").convert("P", palette=Image.Palette.ADAPTIVE, colors=32),
        "upside-down": _line("Receipt 4 711", "#fdfdfa", "#26304a").rotate(180),
        "blank": _transparent_corners(_draw(160, 48, "#dadde0", lambda d, w, h: d.line((0, h * 0.7, w, h * 0.7), "#b0b4b8", 6))),
    }


def styles() -> dict[str, Image.Image]:
    """Six pictures of nothing much, each made in another way."""
    return {
        "hatched": _draw(128, 96, "#f2ead8", lambda d, w, h: [d.line((x, 0, x - h, h), "#5a4a3a", 4) for x in range(0, w + h, 22)]),
        "dotted": _draw(96, 96, "#fff4c8", lambda d, w, h: [
            d.ellipse((x, y, x + 16, y + 16), "#d0402c") for x in range(8, w, 40) for y in range(8, h, 40)]),
        "shaded": _draw(140, 90, "#10182a", lambda d, w, h: [d.line((x, 0, x, h), (x * 255 // w, 120, 200)) for x in range(w)]),
        "patches": _draw(120, 120, "#ffffff", lambda d, w, h: [
            d.rectangle((x, y, x + 79, y + 79), ("#2c6e49", "#e0a030", "#c8d8e8", "#7a2048")[(x // 80 * 3 + y // 80) % 4])
            for x in range(0, w, 80) for y in range(0, h, 80)]).convert("P", palette=Image.Palette.ADAPTIVE, colors=16),
        "grey-steps": _draw(160, 64, "#000000", lambda d, w, h: [
            d.rectangle((w * k // 8, 0, w * (k + 1) // 8, h), (k * 36, k * 36, k * 36)) for k in range(8)]).convert("L"),
        "rings": _transparent_corners(_draw(110, 110, "#e4f0f4", lambda d, w, h: [
            d.ellipse((r, r, w - r, h - r), outline="#20506a", width=6) for r in range(10, w // 2, 26)])),
    }


def from_above() -> dict[str, Image.Image]:
    """Six views straight down: fields, a road, houses, water, trees, bare ground."""
    return {
        "fields": _draw(128, 128, "#7c9a4e", _fields),
        "road": _draw(160, 120, "#8aa060", _road),
        "houses": _draw(128, 128, "#9a9a90", _houses),
        "water": _draw(96, 128, "#2e4e66", lambda d, w, h: d.polygon([(0, 0), (w * 0.4, 0), (w * 0.2, h), (0, h)], "#c8b890")),
        "trees": _draw(128, 100, "#46663a", _trees).convert("P", palette=Image.Palette.ADAPTIVE, colors=32),
        "bare": _draw(100, 100, "#b49a76", lambda d, w, h: d.line((0, h * 0.3, w, h * 0.5), "#8c7456", 8)).convert("L"),
    }


def people() -> dict[str, Image.Image]:
    """Five drawn heads, near and far, one and three, and a picture without any."""
    return {
        "near": _draw(128, 128, "#cfd8dc", lambda d, w, h: _head(d, w * 0.5, h * 0.5, h * 0.42)),
        "far": _draw(160, 120, "#b8c8a8", lambda d, w, h: _head(d, w * 0.3, h * 0.45, h * 0.16)),
        "three": _draw(180, 120, "#e8e0d0", lambda d, w, h: [_head(d, w * x, h * 0.5, h * 0.22) for x in (0.2, 0.5, 0.8)]),
        "dark": _draw(96, 128, "#20242c", lambda d, w, h: _head(d, w * 0.5, h * 0.45, h * 0.3, "#8a5a40")).convert("L"),
        "high": _transparent_corners(_draw(120, 160, "#d8c8e0", lambda d, w, h: _head(d, w * 0.6, h * 0.25, h * 0.18))),
        "nobody": _draw(128, 96, "#9cc9ec", _boat),
    }


def _draw(width: int, height: int, background: str, paint: Callable) -> Image.Image:
    image = Image.new("RGB", (width * _SCALE, height * _SCALE), background)
    paint(ImageDraw.Draw(image), *image.size)
    return image.resize((width, height), Image.Resampling.BOX)


def _transparent_corners(image):
    mask = Image.new("L", image.size)
    ImageDraw.Draw(mask).rounded_rectangle((0, 0, image.width - 1, image.height - 1), 24, 255)
    image.putalpha(mask)
    return image


def _apple(draw, w, h):
    draw.ellipse((w * 0.18, h * 0.28, w * 0.62, h * 0.86), "#b5281e")
    draw.ellipse((w * 0.40, h * 0.28, w * 0.82, h * 0.86), "#c8372a")
    draw.ellipse((w * 0.26, h * 0.38, w * 0.38, h * 0.52), "#e58a7c")
    draw.line((w * 0.5, h * 0.36, w * 0.56, h * 0.14), "#5a3d22", int(w * 0.03))
    draw.ellipse((w * 0.56, h * 0.14, w * 0.80, h * 0.26), "#4f8a3a")


def _boat(draw, w, h):
    draw.rectangle((0, h * 0.68, w, h), "#2f6ea5")
    draw.polygon([(w * 0.2, h * 0.66), (w * 0.8, h * 0.66), (w * 0.68, h * 0.84), (w * 0.3, h * 0.84)], "#7b4a28")
    draw.rectangle((w * 0.48, h * 0.14, w * 0.5, h * 0.66), "#4a3018")
    draw.polygon([(w * 0.51, h * 0.14), (w * 0.51, h * 0.6), (w * 0.74, h * 0.6)], "#f6f3ea")
    draw.polygon([(w * 0.47, h * 0.2), (w * 0.47, h * 0.6), (w * 0.3, h * 0.6)], "#e7dcc4")


def _house(draw, w, h):
    draw.rectangle((0, h * 0.8, w, h), "#6f9a4e")
    draw.rectangle((w * 0.2, h * 0.46, w * 0.8, h * 0.86), "#e3c9a0")
    draw.polygon([(w * 0.12, h * 0.48), (w * 0.5, h * 0.18), (w * 0.88, h * 0.48)], "#a3442f")
    draw.rectangle((w * 0.44, h * 0.64, w * 0.58, h * 0.86), "#5b3b26")
    for x in (0.27, 0.63):
        draw.rectangle((w * x, h * 0.54, w * (x + 0.11), h * 0.63), "#8fb9d6")


def _tree(draw, w, h):
    draw.rectangle((0, h * 0.86, w, h), "#7fa35a")
    draw.polygon([(w * 0.44, h * 0.9), (w * 0.56, h * 0.9), (w * 0.53, h * 0.45), (w * 0.47, h * 0.45)], "#5a4028")
    for x, y, r in ((0.5, 0.3, 0.26), (0.32, 0.42, 0.2), (0.68, 0.42, 0.2), (0.5, 0.48, 0.2)):
        draw.ellipse((w * (x - r), h * y - w * r, w * (x + r), h * y + w * r), "#3f7338")


def _car(draw, w, h):
    draw.rectangle((0, h * 0.78, w, h), "#77777d")
    draw.rounded_rectangle((w * 0.1, h * 0.46, w * 0.9, h * 0.74), h * 0.1, "#2b4f8c")
    draw.polygon([(w * 0.26, h * 0.48), (w * 0.36, h * 0.24), (w * 0.64, h * 0.24), (w * 0.76, h * 0.48)], "#2b4f8c")
    draw.polygon([(w * 0.32, h * 0.46), (w * 0.39, h * 0.29), (w * 0.61, h * 0.29), (w * 0.69, h * 0.46)], "#cfe2ee")
    for x in (0.28, 0.72):
        draw.ellipse((w * x - h * 0.14, h * 0.62, w * x + h * 0.14, h * 0.9), "#1c1c20")
        draw.ellipse((w * x - h * 0.06, h * 0.70, w * x + h * 0.06, h * 0.82), "#b8b8bc")


def _sign(draw, w, h):
    draw.ellipse((w * 0.14, h * 0.14, w * 0.86, h * 0.86), "#f5f5f2")
    draw.rectangle((w * 0.26, h * 0.43, w * 0.74, h * 0.57), "#b0202c")


def _page(draw, w, h, *, portrait, machine_lines):
    text = ImageFont.load_default(int(h * 0.07))
    draw.text((w * 0.06, h * 0.05), "ARVANDIA", "#35456b", text)
    left = 0.06
    if portrait:
        left = 0.38
        draw.rectangle((w * 0.06, h * 0.2, w * 0.32, h * 0.66), "#c5cedb")
        draw.ellipse((w * 0.13, h * 0.27, w * 0.25, h * 0.48), "#b98a68")
        draw.pieslice((w * 0.09, h * 0.50, w * 0.29, h * 0.82), 180, 360, "#5c4a6e")
    for row, line in enumerate(("TORVELO", "KELMAR ISA", "12 08 1987", "X93K2201")):
        draw.text((w * left, h * (0.22 + 0.12 * row)), line, "#22242a", text)
    if machine_lines:
        _machine_lines(draw, w, h * 0.8, h * 0.97)


def _machine_lines(draw, w, top, bottom):
    lines = ("P<XARTORVELO<<KELMAR<ISA".ljust(36, "<"), "X93K22010XAR8708124F3001017".ljust(36, "<"))
    font = ImageFont.load_default(int(w * 0.034))
    for row, line in enumerate(lines):
        for column, character in enumerate(line):
            x = w * (0.04 + 0.92 * (column + 0.5) / len(line))
            draw.text((x, top + (bottom - top) * 0.5 * row), character, "#17171c", font, anchor="mt")


def _letter(draw, w, h):
    font = ImageFont.load_default(int(h * 0.045))
    for row in range(11):
        words = " ".join(("sa", "lomar", "torul", "benu", "kelor", "wen")[(row + i) % 6] for i in range(4 + row % 2))
        draw.text((w * 0.1, h * (0.12 + 0.07 * row)), words, "#2a2a2e", font)


def _line(text, ground, ink):
    width = 40 + 26 * len(text)
    font = ImageFont.load_default(40 * _SCALE // 2)
    return _draw(width // 2, 36, ground, lambda d, w, h: d.text((w * 0.5, h * 0.5), text, ink, font, anchor="mm"))


def _fields(draw, w, h):
    for k in range(14):
        draw.line((0, h * k / 14, w, h * (k + 2) / 14), "#6c8842", 5)
    draw.rectangle((w * 0.55, h * 0.1, w, h * 0.55), "#b8a45c")


def _road(draw, w, h):
    draw.line((0, h * 0.8, w * 0.5, h * 0.45, w, h * 0.2), "#787878", int(h * 0.14))
    draw.line((0, h * 0.8, w * 0.5, h * 0.45, w, h * 0.2), "#d8d8d0", int(h * 0.012))


def _houses(draw, w, h):
    for row, x in enumerate((0.1, 0.4, 0.7)):
        for column, y in enumerate((0.12, 0.58)):
            roof = ("#a04a38", "#7c3c30", "#8c8c94")[(row + column) % 3]
            draw.rectangle((w * x, h * y, w * (x + 0.2), h * (y + 0.26)), roof)
            draw.line((w * x, h * (y + 0.13), w * (x + 0.2), h * (y + 0.13)), "#5a2c24", 4)


def _trees(draw, w, h):
    for k in range(24):
        x, y = w * ((k * 7) % 23) / 23, h * ((k * 11) % 19) / 19
        draw.ellipse((x, y, x + h * 0.16, y + h * 0.16), ("#30502a", "#5a7c44", "#3c5c30")[k % 3])


def _head(draw, x, y, size, skin="#d8a988"):
    draw.ellipse((x - size * 0.62, y - size, x + size * 0.62, y + size * 0.75), "#4a3222")
    draw.ellipse((x - size * 0.5, y - size * 0.72, x + size * 0.5, y + size * 0.8), skin)
    for side in (-1, 1):
        draw.ellipse((x + side * size * 0.22 - size * 0.1, y - size * 0.16, x + side * size * 0.22 + size * 0.1, y - size * 0.04), "#2a2020")
        draw.line((x + side * size * 0.1, y - size * 0.27, x + side * size * 0.36, y - size * 0.28), "#4a3222", int(size * 0.07))
    draw.polygon([(x, y - size * 0.05), (x - size * 0.09, y + size * 0.25), (x + size * 0.09, y + size * 0.25)], "#b88868")
    draw.ellipse((x - size * 0.2, y + size * 0.4, x + size * 0.2, y + size * 0.5), "#9a4a48")
