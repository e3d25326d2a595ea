"""Photographs a flat document as a hurried person would: on some table, askew, badly lit, compressed."""

import io

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from documents import Document

LONG_SIDE, SHORT_SIDE = 512, 384


def photograph(random: np.random.Generator, document: Document, cover: tuple[int, int, int, int] | None) -> bytes:
    """A JPEG of `document`. A thumb, a note, glare or a smear hides much of the box `cover`, or, without one, something
    that does not matter."""
    paper, glare = _obstruct(random, document, cover)
    size = document.image.size
    frame_size = (LONG_SIDE, SHORT_SIDE) if size[0] > size[1] else (SHORT_SIDE, LONG_SIDE)
    coefficients = _perspective(_corners(random, size, frame_size), size)

    def lay(flat):
        return flat.transform(frame_size, Image.Transform.PERSPECTIVE, coefficients, Image.Resampling.BICUBIC)

    frame = _table(random, frame_size)
    outline = lay(document.outline)
    shadow = outline.filter(ImageFilter.GaussianBlur(6)).point(lambda value: int(value * 0.4))
    frame.paste((10, 10, 12), (int(random.integers(-6, 7)), int(random.integers(1, 8))), shadow)
    frame.paste(lay(paper), mask=outline)
    if glare is not None:
        frame.paste((255, 255, 250), mask=lay(glare))
    return _develop(random, frame)


def _obstruct(random, document, cover):
    """The document with something lying on it, and the light reflected by it."""
    image, glare = document.image.copy(), None
    width, height = image.size
    if cover is None:
        if random.random() < 0.6:
            return image, glare
        # Anywhere above the machine-readable zone: the presence of a thumb or of glare must not give the answer away.
        x, y = random.uniform(0, 0.8) * width, random.uniform(0.0, 0.5) * height
        cover = (int(x), int(y), int(x + random.uniform(0.3, 0.6) * width), int(y + 0.17 * height))
    left, top, right, bottom = cover
    share = random.uniform(0.9, 1.0)
    start = left + random.uniform(0, 1 - share) * (right - left)
    box = [start, top - 6, start + share * (right - left), bottom + 8]
    draw = ImageDraw.Draw(image)
    match random.choice(["thumb", "note", "glare", "smear"]):
        case "thumb":
            skin = tuple(int(channel * random.uniform(0.5, 1.0)) for channel in (236, 188, 160))
            draw.rounded_rectangle((box[0], box[1], box[2], box[3] + height * 0.3), (bottom - top) * 0.5, skin)
        case "note":
            draw.rectangle(box, tuple(int(channel) for channel in random.integers(170, 256, 3)))
        case "glare":
            glare = Image.new("L", image.size)
            ImageDraw.Draw(glare).ellipse((box[0], box[1] - 10, box[2], box[3] + 10), 245)
            glare = glare.filter(ImageFilter.GaussianBlur(8))
        case "smear":
            region = tuple(int(side) for side in box)
            image.paste(image.crop(region).filter(ImageFilter.GaussianBlur(random.uniform(11, 18))), region[:2])
    return image, glare


def _corners(random, size, frame_size):
    """Where the document's corners fall in the frame: turned, tilted, not quite centred."""
    width, height = frame_size
    scale = random.uniform(0.85, 0.97) * min(width / size[0], height / size[1])
    angle = np.radians(random.normal(0, 3))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    square = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * np.array(size) / 2 * scale
    tilt = 1 + random.uniform(-0.05, 0.05, (4, 2))
    centre = np.array([width, height]) * (0.5 + random.uniform(-0.03, 0.03, 2))
    return (square * tilt) @ turn.T + centre


def _perspective(corners, size):
    """Pillow's eight coefficients, which map a point of the frame to a point of the document."""
    rows, values = [], []
    for (x, y), (u, v) in zip(corners, [(0, 0), (size[0], 0), size, (0, size[1])], strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        values += [u, v]
    return np.linalg.solve(np.array(rows), np.array(values)).tolist()


def _table(random, size):
    """Wood, cloth or a plain surface."""
    width, height = size
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    base = random.uniform(40, 200) + random.uniform(-30, 30, 3)
    match random.choice(["wood", "cloth", "plain"]):
        case "wood":
            pattern = np.sin(y / random.uniform(3, 8) + 2 * np.sin(x / random.uniform(45, 110))) * random.uniform(6, 18)
        case "cloth":
            pattern = (np.sin(x * random.uniform(0.6, 1.6)) + np.sin(y * random.uniform(0.6, 1.6))) * random.uniform(3, 9)
        case _:
            pattern = (x / width - 0.5) * random.uniform(-30, 30)
    surface = base + pattern[:, :, None] + random.normal(0, 3, (height, width, 1))
    return Image.fromarray(np.clip(surface, 0, 255).astype(np.uint8))


def _develop(random, frame):
    """Light from one side, a colour cast, noise, a little blur, JPEG."""
    frame = frame.filter(ImageFilter.GaussianBlur(random.uniform(0, 0.9)))
    pixels = np.asarray(frame, np.float32)
    y, x = np.mgrid[-1:1:pixels.shape[0] * 1j, -1:1:pixels.shape[1] * 1j]
    angle = random.uniform(0, 2 * np.pi)
    light = random.uniform(0.7, 1.08) + (x * np.cos(angle) + y * np.sin(angle)) * random.uniform(0, 0.25)
    pixels = pixels * light[:, :, None] * random.uniform(0.92, 1.06, 3)
    pixels += random.normal(0, random.uniform(1, 7), pixels.shape)
    stream = io.BytesIO()
    Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(
        stream, "JPEG", quality=int(random.integers(55, 92)))
    return stream.getvalue()
