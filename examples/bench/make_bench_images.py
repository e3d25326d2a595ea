"""Makes the pictures of the figures, the same on every machine and every run.

    make_bench_images.py OUT photographs 200      1600×1200 JPEGs of quality 90, about as rich as a camera's
    make_bench_images.py OUT small 10000          64×48 JPEGs, each different
    make_bench_images.py OUT tiny 100000          32×24 JPEGs, each different

A folder that already holds the pictures is left alone.
"""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

SIZES = {"photographs": (1600, 1200), "small": (64, 48), "tiny": (32, 24)}


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("out", type=Path)
    arguments.add_argument("kind", choices=SIZES)
    arguments.add_argument("count", type=int)
    options = arguments.parse_args()
    last = options.out / f"{options.count - 1:05}.jpg"
    if last.exists():
        return
    options.out.mkdir(parents=True, exist_ok=True)
    width, height = SIZES[options.kind]
    textures = [texture(np.random.default_rng([1, seed]), 2 * width, 2 * height) for seed in range(6)]
    for index in range(options.count):
        picture(np.random.default_rng([2, index]), textures, width, height).save(
            options.out / f"{index:05}.jpg", quality=90)


def texture(random: np.random.Generator, width: int, height: int) -> np.ndarray:
    """Noise of every scale, each finer one fainter, as in natural pictures: [height, width], about −1 to 1."""
    total = np.zeros((height, width), np.float32)
    cell, weight = max(width, height) // 3, 1.0
    while cell >= 1:
        grid = random.standard_normal((height // cell + 2, width // cell + 2)).astype(np.float32)
        layer = Image.fromarray(grid).resize((width, height), Image.Resampling.BICUBIC)
        total += weight * np.asarray(layer)
        cell, weight = cell // 2, weight * 0.85
    return total / np.abs(total).max()


def picture(random: np.random.Generator, textures: list[np.ndarray], width: int, height: int) -> Image.Image:
    """Two textures under a light from one side, with some things of plain colour in front."""
    def crop():
        source = textures[random.integers(len(textures))]
        top, left = random.integers(source.shape[0] - height), random.integers(source.shape[1] - width)
        return source[top:top + height, left:left + width, None]

    ground, detail = random.uniform(60, 190, 3).astype(np.float32), random.uniform(30, 110, 3).astype(np.float32)
    light = np.linspace(random.uniform(-50, 0), random.uniform(0, 50), width, dtype=np.float32)[None, :, None]
    pixels = ground + detail * crop() + 0.5 * detail[::-1] * crop() + light
    image = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
    draw = ImageDraw.Draw(image)
    for _ in range(random.integers(2, 7)):
        x, y = random.uniform(0, width), random.uniform(0, height)
        radius = random.uniform(0.03, 0.16) * width
        colour = tuple(int(channel) for channel in random.integers(20, 236, 3))
        shape = draw.ellipse if random.random() < 0.5 else draw.rectangle
        shape((x - radius, y - radius * 0.7, x + radius, y + radius * 0.7), colour)
    return image


if __name__ == "__main__":
    main()
