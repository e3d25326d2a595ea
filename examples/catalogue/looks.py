"""Changes how a picture looks and not what is on it: tints, and filters as telephones have them."""

import numpy as np
from PIL import Image, ImageEnhance


def tinted(random: np.random.Generator, image: Image.Image, colour: str) -> Image.Image:
    """A faint tint, `yellow` or `blue`, in light that differs from picture to picture."""
    pixels = lit(random, np.asarray(image, np.float32))
    strength = random.uniform(0.05, 0.14)
    factors = {"yellow": (1, 1 - 0.3 * strength, 1 - strength), "blue": (1 - strength, 1 - 0.6 * strength, 1)}[colour]
    return picture(pixels * np.array(factors, np.float32))


def any_tint(random: np.random.Generator, image: Image.Image) -> Image.Image:
    """Any colour, and stronger."""
    pixels = lit(random, np.asarray(image, np.float32))
    return picture(pixels * random.uniform(0.62, 1.0, 3).astype(np.float32))


def lit(random, pixels):
    """Brighter or darker, with more or less contrast, and a camera's noise."""
    gamma = random.uniform(0.75, 1.35)
    pixels = 255 * (pixels / 255) ** gamma * random.uniform(0.85, 1.0)
    return pixels + random.normal(0, 2, pixels.shape[:2])[..., None]


def plain(random: np.random.Generator, image: Image.Image) -> Image.Image:
    """As it is, in some light."""
    return picture(lit(random, np.asarray(image, np.float32)))


def filtered(random: np.random.Generator, image: Image.Image) -> Image.Image:
    """One of three filters: faded, with grain, or glowing colours with dark corners."""
    image = plain(random, image)
    match random.choice(["faded", "grain", "glowing"]):
        case "faded":
            pixels = np.asarray(ImageEnhance.Color(image).enhance(random.uniform(0.3, 0.6)), np.float32)
            lift = random.uniform(30, 60)
            pixels = lift + pixels * (235 - lift) / 255
        case "grain":
            pixels = np.asarray(ImageEnhance.Contrast(image).enhance(random.uniform(1.0, 1.3)), np.float32)
            pixels = pixels + random.normal(0, random.uniform(12, 22), pixels.shape[:2])[..., None]
        case _:
            image = ImageEnhance.Color(image).enhance(random.uniform(1.6, 2.2))
            pixels = np.asarray(ImageEnhance.Contrast(image).enhance(1.2), np.float32)
            y, x = np.mgrid[-1:1:pixels.shape[0] * 1j, -1:1:pixels.shape[1] * 1j]
            pixels = pixels * (1 - random.uniform(0.3, 0.6) * np.clip(x**2 + y**2, 0, 2) / 2)[..., None]
    return picture(pixels)


def picture(pixels) -> Image.Image:
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
