"""Draws flat specimen identity documents: invented countries, invented people, marked SPECIMEN.

No real passport may be shown in a demo, so these stand in for them. Nothing here imitates a real state's document.
"""

import string
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

# Width and height in millimetres, as the sizes of travel documents are standardised (ICAO 9303).
SIZES_MM = {"passport": (125, 88), "visa": (120, 80), "identity-card": (105, 74), "residence-permit": (105, 74)}
PIXELS_PER_MM = 5
COUNTRIES = {"ARVANDIA": "XAR", "BELLMARE": "XBE", "CORVANIA": "XCO", "DRENSK": "XDR", "ESKARIA": "XES",
             "FALMORA": "XFA", "GREVELAND": "XGR", "HALVIA": "XHA"}
_TITLES = {"passport": "PASSPORT", "visa": "VISA", "identity-card": "IDENTITY CARD",
           "residence-permit": "RESIDENCE PERMIT"}
_FIELDS = ["Surname", "Given names", "Nationality", "Date of birth", "Document no.", "Valid until", "Authority",
           "Place of birth"]
_MRZ_LETTERS = {"passport": ("P", 44), "visa": ("V", 44), "identity-card": ("I", 36), "residence-permit": ("A", 36)}


@dataclass
class Document:
    """A drawn document, its outline, and where its machine-readable zone lies: left, top, right, bottom in pixels."""
    image: Image.Image
    outline: Image.Image
    machine_readable_zone: tuple[int, int, int, int]


def draw_document(random: np.random.Generator, kind: str, machine_readable: bool) -> Document:
    """One specimen of `kind`; without a machine-readable zone its place is left plain.

    Cards have round corners and mostly a chip; a passport's data page and a visa mostly come with their booklet.
    """
    document = _draw_face(random, kind, machine_readable)
    if kind == "visa":
        return _stick_into_booklet(random, document)
    if kind == "passport":
        return _open_booklet(random, document) if random.random() < 0.6 else document
    return _make_card(random, document)


def _draw_face(random, kind, machine_readable):
    width, height = (side * PIXELS_PER_MM for side in SIZES_MM[kind])
    hue = random.uniform(0, 1)
    image = _security_paper(random, width, height, hue)
    draw = ImageDraw.Draw(image)
    ink = _colour(hue + random.uniform(-0.1, 0.1), 0.6, 0.35)
    country = random.choice(list(COUNTRIES))
    name = [_word(random), _word(random)]

    title_height = int(height * random.uniform(0.055, 0.075))
    draw.text((width * 0.05, height * 0.035), country, ink, _font(title_height))
    draw.text((width * random.uniform(0.45, 0.6), height * 0.035), _TITLES[kind], ink, _font(title_height))

    has_portrait = kind != "visa" or random.random() < 0.15
    if has_portrait:
        _draw_portrait(random, draw, _box(width, height, 0.05, 0.17, 0.27, 0.5))
    _draw_fields(random, draw, name, country, (0.36 if has_portrait else 0.08, 0.17), (width, height))
    zone = _box(width, height, 0.03, 0.78, 0.94, 0.18)
    if machine_readable:
        _draw_zone(random, draw, zone, kind, COUNTRIES[country], name)
    _mark(random, image)
    return Document(image, Image.new("L", image.size, 255), zone)


def _make_card(random, card):
    width, height = card.image.size
    card.outline = Image.new("L", card.image.size)
    ImageDraw.Draw(card.outline).rounded_rectangle((0, 0, width - 1, height - 1), height * 0.06, 255)
    if random.random() < 0.6:
        left, top = width * random.uniform(0.7, 0.82), height * random.uniform(0.2, 0.55)
        chip = (left, top, left + width * 0.12, top + height * 0.14)
        draw = ImageDraw.Draw(card.image)
        draw.rounded_rectangle(chip, height * 0.02, (214, 178, 94), (120, 95, 40))
        draw.line((chip[0], (chip[1] + chip[3]) / 2, chip[2], (chip[1] + chip[3]) / 2), (120, 95, 40))
    return card


def _open_booklet(random, page):
    """The page before lies above the data page, with notes printed on it."""
    width, height = page.image.size
    image = Image.new("RGB", (width, 2 * height))
    upper = _security_paper(random, width, height, random.uniform(0, 1))
    draw = ImageDraw.Draw(upper)
    for row in range(random.integers(0, 9)):
        draw.text((width * 0.08, height * (0.12 + 0.09 * row)), " ".join(_word(random) for _ in range(6)),
                  (90, 90, 100), _font(int(height * 0.035)))
    image.paste(upper, (0, 0))
    image.paste(page.image, (0, height))
    _shade_fold(image, height)
    left, top, right, bottom = page.machine_readable_zone
    return Document(image, Image.new("L", image.size, 255), (left, top + height, right, bottom + height))


def _stick_into_booklet(random, sticker):
    """A visa on a page of somebody's passport, mostly with the page above it."""
    page_width, page_height = (int(side * PIXELS_PER_MM) for side in (128, 91))
    pages = 2 if random.random() < 0.6 else 1
    image = _security_paper(random, page_width, page_height * pages, random.uniform(0, 1))
    x = int(random.integers(0, page_width - sticker.image.width))
    y = page_height * (pages - 1) + int(random.integers(0, page_height - sticker.image.height))
    image.paste(sticker.image, (x, y))
    if pages == 2:
        _shade_fold(image, page_height)
    left, top, right, bottom = sticker.machine_readable_zone
    return Document(image, Image.new("L", image.size, 255), (left + x, top + y, right + x, bottom + y))


def _shade_fold(image, y):
    fold = Image.new("L", image.size)
    ImageDraw.Draw(fold).line((0, y, image.width, y), 150, 5)
    image.paste((30, 30, 35), mask=fold.filter(ImageFilter.GaussianBlur(4)))


def _draw_fields(random, draw, name, country, start, size):
    width, height = size
    values = [name[0], name[1], country, _date(random), _code(random, 9), _date(random), _word(random), _word(random)]
    rows = list(zip(_FIELDS, values, strict=True))[: random.integers(5, 9)]
    small, large = _font(int(height * 0.026)), _font(int(height * 0.042))
    x, y = start[0] * width, start[1] * height
    step = 0.58 * height / len(rows)
    for label, value in rows:
        draw.text((x, y), label, (90, 90, 95), small)
        draw.text((x, y + height * 0.028), value, (25, 25, 30), large)
        y += step


def _draw_zone(random, draw, zone, kind, country, name):
    """Two lines of fixed pitch, as machines read them; the check digits are not real ones."""
    letter, length = _MRZ_LETTERS[kind]
    first = f"{letter}<{country}{name[0]}<<{name[1]}".ljust(length, "<")[:length]
    second = f"{_code(random, 10)}{country}{_code(random, 8, string.digits)}".ljust(length - 2, "<")
    second += _code(random, 2, string.digits)
    left, top, right, bottom = zone
    pitch = (right - left) / length
    font = _font(int(pitch * 1.55))
    for row, line in enumerate((first, second)):
        y = top + (bottom - top) * (0.12 + 0.46 * row)
        for column, character in enumerate(line):
            draw.text((left + pitch * (column + 0.5), y), character, (20, 20, 25), font, anchor="mt")


def _draw_portrait(random, draw, box):
    """A head and shoulders out of ellipses: nobody's face."""
    left, top, right, bottom = box
    width, height = right - left, bottom - top
    draw.rectangle(box, _colour(random.uniform(0, 1), 0.12, 0.88))
    skin = _colour(random.uniform(0.04, 0.09), random.uniform(0.25, 0.6), random.uniform(0.4, 0.95))
    hair = _colour(random.uniform(0.02, 0.12), random.uniform(0.1, 0.7), random.uniform(0.08, 0.6))
    clothes = _colour(random.uniform(0, 1), 0.5, random.uniform(0.2, 0.7))

    def ellipse(x, y, radius_x, radius_y, colour):
        centre_x, centre_y = left + x * width, top + y * height
        draw.ellipse((centre_x - radius_x * width, centre_y - radius_y * height,
                      centre_x + radius_x * width, min(centre_y + radius_y * height, bottom)), colour)

    ellipse(0.5, 1.0, 0.42, 0.25, clothes)
    ellipse(0.5, 0.42, 0.27, random.uniform(0.3, 0.42), hair)
    ellipse(0.5, 0.48, 0.22, 0.27, skin)
    for eye in (0.42, 0.58):
        ellipse(eye, 0.45, 0.025, 0.02, (40, 35, 35))
    ellipse(0.5, 0.63, 0.07, 0.012, (150, 80, 80))
    draw.rectangle((left, bottom, right, bottom + 1), skin)


def _security_paper(random, width, height, hue):
    """Pale paper with fine waves, the look of security printing."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    waves = np.zeros((height, width), np.float32)
    for _ in range(3):
        angle, length = random.uniform(0, np.pi), random.uniform(9, 26)
        bend = np.sin(x / random.uniform(60, 160)) * random.uniform(4, 14)
        waves += np.sin((x * np.cos(angle) + (y + bend) * np.sin(angle)) * 2 * np.pi / length) > 0.8
    paper = np.array(_colour(hue, random.uniform(0.03, 0.15), 0.95), np.float32)
    tint = np.array(_colour(hue + 0.08, 0.35, 0.8), np.float32)
    blend = np.minimum(waves, 1)[:, :, None] * random.uniform(0.1, 0.3)
    return Image.fromarray((paper * (1 - blend) + tint * blend).astype(np.uint8))


def _mark(random, image):
    """SPECIMEN across the page, faint enough not to be the thing a classifier looks at: every document has it."""
    width, height = image.size
    layer = Image.new("L", image.size)
    ImageDraw.Draw(layer).text((width / 2, height * 0.45), "SPECIMEN", 70, _font(int(height * 0.2)), anchor="mm")
    layer = layer.rotate(random.uniform(12, 28), Image.Resampling.BILINEAR)
    image.paste((200, 30, 40), mask=layer.filter(ImageFilter.GaussianBlur(1)))


def _word(random):
    syllables = ["ar", "be", "cor", "dan", "el", "fi", "gor", "ha", "is", "ju", "kel", "lo", "mar", "nu", "or", "pe",
                 "ri", "sa", "tor", "ul", "ve", "wen", "yr", "zo"]
    return "".join(random.choice(syllables, random.integers(2, 4))).upper()


def _date(random):
    return f"{random.integers(1, 29):02} {random.integers(1, 13):02} {random.integers(1950, 2035)}"


def _code(random, length, letters=string.ascii_uppercase + string.digits):
    return "".join(random.choice(list(letters), length))


def _box(width, height, left, top, box_width, box_height):
    return (int(left * width), int(top * height), int((left + box_width) * width), int((top + box_height) * height))


def _colour(hue, saturation, value):
    channels = np.clip(np.abs((hue % 1 * 6 + np.array([0, 4, 2])) % 6 - 3) - 1, 0, 1)
    return tuple(int(channel) for channel in 255 * value * (1 - saturation * (1 - channels)))


def _font(size):
    # Pillow's own typeface: the same on every machine.
    return ImageFont.load_default(max(size, 6))
