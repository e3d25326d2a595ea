"""Draws writing: lines with one word or another, and pages of four kinds, in typefaces that are fetched by package."""

import string
import sys
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from images.debian import unpacked  # noqa: E402

TYPEFACES = {
    "fonts-dejavu-core": ["DejaVuSans.ttf", "DejaVuSans-Bold.ttf", "DejaVuSerif.ttf", "DejaVuSansMono.ttf"],
    "fonts-liberation": ["LiberationSans-Regular.ttf", "LiberationSerif-Regular.ttf", "LiberationSerif-Italic.ttf",
                         "LiberationMono-Regular.ttf", "LiberationSansNarrow-Regular.ttf"],
}
PAGE = (480, 640)


def word(random: np.random.Generator, text: str) -> Image.Image:
    """A word, sometimes with others beside it, anywhere on a strip of paper."""
    width, height = int(random.integers(220, 420)), int(random.integers(48, 72))
    image, ink = Image.new("RGB", (width, height), paper(random)), inks(random)
    draw = ImageDraw.Draw(image)
    written = text.upper() if random.random() < 0.5 else text.capitalize()
    face = typeface(random, int(random.integers(18, 34)))
    left, top, right, bottom = draw.textbbox((0, 0), written, face)
    x, y = random.uniform(4, max(width - right - 4, 5)), random.uniform(2, max(height - bottom - 2, 3))
    draw.text((x, y), written, ink, face)
    # What else there is room for says nothing.
    before, after = nonsense(random), nonsense(random)
    small = draw.textlength(before + " ", face)
    if x > small and random.random() < 0.6:
        draw.text((x - small, y), before, ink, face)
    if x + right + draw.textlength(" " + after, face) < width and random.random() < 0.6:
        draw.text((x + right, y), " " + after, ink, face)
    return scanned(random, image)


def line(random: np.random.Generator, upside_down: bool) -> Image.Image:
    """A line of nonsense, cut out closely."""
    face = typeface(random, 28)
    text = " ".join(nonsense(random) for _ in range(random.integers(1, 4)))
    left, top, right, bottom = face.getbbox(text)
    image = Image.new("RGB", (int(right - left) + 16, int(bottom - top) + 14), paper(random))
    ImageDraw.Draw(image).text((8 - left, 7 - top), text, inks(random), face)
    image = scanned(random, image)
    return image.rotate(180) if upside_down else image


def captioned(random: np.random.Generator, image: Image.Image, above: bool) -> Image.Image:
    """One to three words on the picture, which becomes 256 pixels square, somewhere in one of its halves."""
    image = image.resize((256, 256))
    draw, face = ImageDraw.Draw(image), typeface(random, int(random.integers(16, 26)))
    text = nonsense(random)
    while draw.textlength(text, face) < 90:
        text += " " + nonsense(random)
    left, top, right, bottom = draw.textbbox((0, 0), text, face)
    x, y = random.uniform(4, max(250 - right, 5)), random.uniform(6, 120 - bottom) + (0 if above else 128)
    draw.rectangle((x + left - 4, y + top - 3, x + right + 4, y + bottom + 3), paper(random, 150))
    draw.text((x, y), text, inks(random), face)
    return scanned(random, image)


def page(random: np.random.Generator, kind: str) -> Image.Image:
    """A sheet with a letter, a form, a table or a copied card on it."""
    image = Image.new("RGB", PAGE, paper(random))
    {"letter": letter, "form": form, "table": table, "card": card}[kind](random, ImageDraw.Draw(image), image)
    image = image.rotate(random.normal(0, 1.5), Image.Resampling.BICUBIC, fillcolor=image.getpixel((2, 2)))
    return scanned(random, image)


def letter(random, draw, _image):
    """An address, a date, two to four paragraphs, a name."""
    face, ink, width = typeface(random, int(random.integers(11, 15))), inks(random), PAGE[0]
    left, y, step = width * random.uniform(0.08, 0.16), PAGE[1] * random.uniform(0.05, 0.12), face.size * 1.4
    for _ in range(random.integers(2, 5)):
        draw.text((left, y), sentence(random, 2), ink, face)
        y += step
    draw.text((width * random.uniform(0.55, 0.7), y), number(random), ink, face)
    y += 2 * step
    for _ in range(random.integers(2, 5)):
        for _ in range(random.integers(3, 7)):
            draw.text((left, y), fitted(random, face, width * 0.78), ink, face)
            y += step
        y += step
    draw.text((left, y), sentence(random, 2), ink, face)


def form(random, draw, _image):
    """Labels with boxes or lines to fill in, some filled, some boxes to tick."""
    small, large, ink = typeface(random, 10), typeface(random, int(random.integers(13, 17))), inks(random)
    draw.text((PAGE[0] * 0.1, PAGE[1] * 0.05), sentence(random, 3), ink, typeface(random, 20))
    y, columns, boxed = PAGE[1] * 0.13, int(random.integers(1, 3)), random.random() < 0.5
    while y < PAGE[1] * random.uniform(0.8, 0.92):
        for column in range(columns):
            x, room = PAGE[0] * (0.1 + 0.8 / columns * column), PAGE[0] * 0.74 / columns
            if random.random() < 0.2:
                draw.rectangle((x, y + 12, x + 11, y + 23), outline=ink)
                draw.text((x + 18, y + 10), sentence(random, 2), ink, small)
                continue
            draw.text((x, y), nonsense(random), ink, small)
            if boxed:
                draw.rectangle((x, y + 13, x + room, y + 33), outline=ink)
            else:
                draw.line((x, y + 32, x + room, y + 32), ink)
            if random.random() < 0.6:
                draw.text((x + 4, y + 14), nonsense(random), inks(random), large)
        y += random.uniform(42, 54)


def table(random, draw, _image):
    """Rows of numbers under a heading, with or without lines."""
    face, ink = typeface(random, int(random.integers(10, 14))), inks(random)
    draw.text((PAGE[0] * 0.1, PAGE[1] * 0.05), sentence(random, 3), ink, typeface(random, 18))
    columns, top, step = int(random.integers(4, 8)), PAGE[1] * random.uniform(0.11, 0.18), face.size * random.uniform(1.5, 2.1)
    rows, ruled = int((PAGE[1] * random.uniform(0.7, 0.9) - top) / step), random.random() < 0.5
    left, wide = PAGE[0] * 0.08, PAGE[0] * 0.84 / columns
    for row in range(rows):
        for column in range(columns):
            text = nonsense(random)[:8] if row == 0 or column == 0 else number(random)
            draw.text((left + wide * column + 3, top + step * row), text, ink, face)
        if ruled or row == 0:
            draw.line((left, top + step * (row + 1) - 3, left + wide * columns, top + step * (row + 1) - 3), ink)
    if ruled:
        for column in range(columns + 1):
            draw.line((left + wide * column, top - 3, left + wide * column, top + step * rows - 3), ink)


def card(random, draw, image):
    """One side of a card, copied onto the sheet: a picture, some fields."""
    wide = PAGE[0] * random.uniform(0.55, 0.8)
    high = wide * 0.63
    x, y = random.uniform(20, PAGE[0] - wide - 20), random.uniform(30, PAGE[1] * 0.9 - high)
    draw.rounded_rectangle((x, y, x + wide, y + high), 12, paper(random, 190), outline="#888888")
    ink, small, large = inks(random), typeface(random, 9), typeface(random, 14)
    draw.text((x + 14, y + 8), sentence(random, 2).upper(), ink, large)
    at = x + wide * (0.05 if random.random() < 0.7 else 0.68)
    draw.rectangle((at, y + high * 0.25, at + wide * 0.27, y + high * 0.8), "#b8c0c8")
    draw.ellipse((at + wide * 0.07, y + high * 0.32, at + wide * 0.2, y + high * 0.56), "#b08060")
    draw.pieslice((at + wide * 0.03, y + high * 0.56, at + wide * 0.24, y + high * 1.04), 180, 360, "#505a78")
    fields = x + wide * (0.37 if at < x + wide / 2 else 0.06)
    for row in range(random.integers(3, 6)):
        draw.text((fields, y + high * (0.24 + 0.14 * row)), nonsense(random), "#606468", small)
        draw.text((fields, y + high * (0.24 + 0.14 * row) + 10), nonsense(random).upper(), ink, large)
    assert image.size == PAGE


def scanned(random, image: Image.Image) -> Image.Image:
    """A little blur, light, noise."""
    image = image.filter(ImageFilter.GaussianBlur(random.uniform(0, 0.7)))
    light, noise = random.uniform(0.85, 1.04), random.normal(0, random.uniform(1, 6), image.size[::-1])
    pixels = np.asarray(image, np.float32) * light + noise[..., None]
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def typeface(random, size: int) -> ImageFont.FreeTypeFont:
    faces = typefaces()
    return ImageFont.truetype(str(faces[random.integers(len(faces))]), size)


@cache
def typefaces() -> list[Path]:
    """Those that are there: later versions of a package have fewer."""
    return [path for package, files in TYPEFACES.items() for file in files for path in unpacked(package).rglob(file)]


def paper(random, darkest: int = 225) -> tuple[int, ...]:
    return tuple(int(channel) for channel in random.integers(darkest, 256, 3))


def inks(random) -> tuple[int, ...]:
    return tuple(int(channel) for channel in random.integers(0, 90, 3))


def nonsense(random) -> str:
    consonants, vowels = "bcdfgklmnprstvw", "aeiou"
    syllables = random.integers(1, 4)
    text = "".join(random.choice(list(consonants)) + random.choice(list(vowels)) for _ in range(syllables))
    return text + (random.choice(list(consonants)) if random.random() < 0.5 else "")


def sentence(random, words: int) -> str:
    return " ".join(nonsense(random) for _ in range(words)).capitalize()


def fitted(random, face, width: float) -> str:
    text = nonsense(random)
    while face.getlength(text + " " + (more := nonsense(random))) < width:
        text += " " + more
    return text


def number(random) -> str:
    return "".join(random.choice(list(string.digits), random.integers(1, 5))) + f".{random.integers(0, 100):02}"
