"""Makes the tasks that the catalogue's extractors are measured on, each a folder with a folder for each class.

    tasks.py IMAGES OUT   →   OUT/TASK/CLASS/*.jpg      IMAGES: the sets that ../images/fetch.py brings

Photographs, satellite pictures, emoji and faces are real ones. Tints and filters are put on them here, and writing is
drawn, with another random choice for each picture, the same on every machine. A task that is there is left alone.
Exit status 3: a package cannot be had.
"""

import io
import shutil
import sys
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent / "quickstart")]

import looks  # noqa: E402
import make_specimens  # noqa: E402
import writing  # noqa: E402
from images.debian import Unavailable  # noqa: E402

EACH = 80
SETS = ("stamps", "cartoons", "satellite", "emoji", "faces")


@dataclass(frozen=True)
class Task:
    """What is to be told apart; `domain` is that of the extractors whose ground it is."""
    name: str
    question: str
    domain: str
    make: object


def main() -> int:
    images, out = Path(sys.argv[1]), Path(sys.argv[2])
    for task in TASKS:
        target = out / task.name
        if target.exists():
            continue
        incoming = target.with_name(task.name + ".incoming")
        shutil.rmtree(incoming, ignore_errors=True)
        try:
            for index, (label, picture) in enumerate(task.make(images, random_of(task.name))):
                (incoming / label).mkdir(parents=True, exist_ok=True)
                picture.save(incoming / label / f"{index:04}.jpg", quality=90, subsampling=0)
        except Unavailable as reason:
            print(reason, file=sys.stderr)
            return 3
        incoming.rename(target)
    return 0


def random_of(task: str):
    """Another stream of random numbers for each picture of a task, whatever other tasks there are."""
    return lambda index: np.random.default_rng([zlib.crc32(task.encode()), index])


def of_classes(images: Path, folders: dict[str, str], change=None):
    """Up to EACH pictures of each class, the same number of all of a folder's parts."""
    def make(root, random):
        index = 0
        for label, folder in folders.items():
            for path in chosen(root / images / folder, EACH):
                picture = Image.open(path).convert("RGB")
                yield label, picture if change is None else change(random(index), picture)
                index += 1
    return make


def looked_at(changes: dict):
    """Photographs of all kinds of things; chance says which look each gets, so that things and looks are independent."""
    def make(root, random):
        labels = list(changes)
        for index, path in enumerate(chosen(root / "stamps", EACH * len(labels))):
            label = labels[index % len(labels)]
            yield label, changes[label](random(index), Image.open(path).convert("RGB"))
    return make


def mostly_red(root: Path, random) -> Iterator[tuple[str, Image.Image]]:
    """Drawings of both vendors, by the hues of their coloured pixels as Pillow computes them."""
    found = {"red": [], "another": []}
    for path in chosen(root / "emoji", 5000):
        picture = Image.open(path).convert("RGB")
        hue, saturation, value = np.asarray(picture.convert("HSV"), np.int32).reshape(-1, 3).T
        coloured = (saturation > 90) & (value > 70)
        is_red = ((hue < 10) | (hue > 243)) & coloured
        if coloured.mean() < 0.1:
            continue
        share = is_red.sum() / coloured.sum()
        # Between the two it is a matter of taste.
        if share > 0.7 or share < 0.3:
            found["red" if share > 0.7 else "another"].append(path)
    for label, paths in found.items():
        order = np.random.default_rng(5).permutation(len(paths))[:EACH]
        yield from ((label, Image.open(paths[place]).convert("RGB")) for place in order)


def vendors(root: Path, random):
    """The same things by both."""
    paths = chosen(root / "emoji/google", EACH)
    for vendor in ("google", "twitter"):
        for path in paths:
            twin = root / "emoji" / vendor / path.relative_to(root / "emoji/google")
            yield vendor, Image.open(twin).convert("RGB")


def drawn_things(root: Path, random):
    """Two kinds of things, each half by one vendor and half by the other."""
    for label, category in (("living", "animals-and-nature"), ("eaten", "food-and-drink")):
        for vendor in ("google", "twitter"):
            for path in chosen(root / "emoji" / vendor / category, EACH // 2, seed=len(vendor)):
                yield label, Image.open(path).convert("RGB")


def face_somewhere(root: Path, random):
    """A small grey face, or something else from the same photographs, put into a picture of things."""
    grounds = chosen(root / "stamps", 2 * EACH)
    for index, ground in enumerate(grounds):
        label = ("face", "other")[index % 2]
        patch = Image.open(chosen(root / "faces" / label, EACH)[index // 2]).convert("L")
        at = random(index)
        picture = Image.open(ground).convert("L").resize((256, 256))
        side = int(at.integers(64, 130))
        x, y = at.integers(0, 256 - side, 2)
        picture.paste(patch.resize((side, side), Image.Resampling.BICUBIC), (int(x), int(y)))
        yield label, picture.convert("RGB")


def captions(root: Path, random):
    """Photographs of things with a few words on them, in the upper or the lower half."""
    for index, path in enumerate(chosen(root / "stamps", 2 * EACH)):
        label = ("above", "below")[index % 2]
        yield label, writing.captioned(random(index), Image.open(path).convert("RGB"), above=label == "above")


def drawn(labels: list[str], draw):
    """EACH drawings of each class, or of each of four a half of that."""
    def make(root, random):
        count = EACH * 2 if len(labels) == 2 else EACH * len(labels) // 2
        for index in range(count):
            label = labels[index % len(labels)]
            yield label, draw(random(index), label)
    return make


def specimens(name: str, labels: list[str]):
    def make(root, random):
        for index in range(2 * EACH):
            label = labels[index % 2]
            yield label, Image.open(io.BytesIO(getattr(make_specimens, name)(random(index), label)))
    return make


def chosen(folder: Path, count: int, seed: int = 3) -> list[Path]:
    """Some of the pictures below a folder, in an order that is the same everywhere."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return [paths[place] for place in np.random.default_rng(seed).permutation(len(paths))[:count]]


TASKS = [
    Task("birds-or-mammals", "a bird or a mammal?", "photographs",
         of_classes("stamps", {"birds": "birds", "mammals": "mammals"})),
    Task("things-in-any-tint", "a bird or a mammal, tinted at random?", "photographs",
         of_classes("stamps", {"birds": "birds", "mammals": "mammals"}, looks.any_tint)),
    Task("living-or-eaten", "an animal or a dish, by either vendor of emoji?", "photographs", drawn_things),
    Task("yellow-or-blue-tint", "a yellow or a blue tint, whatever is shown?", "style",
         looked_at({"yellow": lambda random, image: looks.tinted(random, image, "yellow"),
                    "blue": lambda random, image: looks.tinted(random, image, "blue")})),
    Task("filtered", "a photograph as taken, or filtered?", "style",
         looked_at({"plain": looks.plain, "filtered": looks.filtered})),
    Task("which-vendor", "which vendor drew this emoji?", "style", vendors),
    Task("photo-or-cartoon", "a photograph or a drawing?", "illustrations",
         of_classes("cartoons", {"photo": "photo", "cartoon": "cartoon"})),
    Task("mostly-red", "mostly red, or another colour?", "colours", mostly_red),
    Task("kind-of-page", "a letter, a form, a table or a card?", "text-layout",
         drawn(["letter", "form", "table", "card"], writing.page)),
    Task("words-above-or-below", "words in the upper or the lower half of a picture?", "text-layout", captions),
    Task("which-word", "the word “invoice” or “receipt”?", "text",
         drawn(["invoice", "receipt"], writing.word)),
    Task("upside-down", "a line of text upright or upside down?", "text-direction",
         drawn(["upright", "upside-down"], lambda random, label: writing.line(random, label == "upside-down"))),
    Task("passport-or-other", "a passport's page, or another document?", "documents",
         specimens("passport_or_other", ["passport", "other"])),
    Task("readable-or-hidden", "lines for machines: readable or hidden?", "documents",
         specimens("readable_or_hidden", ["readable", "hidden"])),
    Task("face-or-not", "a face, or something else?", "faces", of_classes("faces", {"face": "face", "other": "other"})),
    Task("face-somewhere", "a face somewhere in the picture?", "faces", face_somewhere),
    Task("taiga-or-rainforest", "taiga or rainforest, 2.5 km a pixel?", "aerial",
         of_classes("satellite", {"taiga": "taiga", "rainforest": "rainforest"})),
    Task("cropland-or-desert", "cropland or desert, 2.5 km a pixel?", "aerial",
         of_classes("satellite", {"cropland": "cropland", "desert": "desert"})),
]

if __name__ == "__main__":
    sys.exit(main())
