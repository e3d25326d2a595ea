"""The extractors of the catalogue, as a member has them installed: asks `hub` about them."""

import csv
import json
import os
import resource
import subprocess
import tempfile
import tomllib
from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class Extractor:
    """A release, and what its card says."""
    name: str
    version: str
    domain: str
    license: str
    dimension: int
    megabytes: float
    probes: Path

    @property
    def reference(self) -> str:
        return f"{self.name}@{self.version}"


def read_shelf(folder: Path) -> list[Extractor]:
    """The newest version of each author's folder in `folder`, in order of names."""
    newest = {}
    for file in sorted(folder.glob("*/extractor.toml")):
        card = tomllib.loads(file.read_text())
        newest[card["name"]] = Extractor(
            card["name"], card["version"], card["domain"], card["license"], card["output"]["dimension"],
            (file.parent / "model.onnx").stat().st_size / 1e6, file.parent / "probes")
    return list(newest.values())


def embed(extractor: Extractor, images: Path, *options: str) -> tuple[np.ndarray, list[str]]:
    """Features, and the paths below `images` they belong to."""
    with tempfile.TemporaryDirectory() as scratch:
        output = Path(scratch) / "features.npy"
        hub("embed", extractor.reference, images, "-o", output, *options)
        return np.load(output), output.with_suffix(".paths.txt").read_text().splitlines()


def milliseconds(extractor: Extractor, images: Path) -> float:
    """Processor time for one image on one thread, decoding included: unlike time by the clock, it hardly depends on what
    else the machine does. What starting takes is not counted."""
    paths = sorted(path for path in images.rglob("*") if path.is_file())

    def seconds(count: int) -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        with tempfile.TemporaryDirectory() as scratch:
            hub("embed", extractor.reference, *paths[:count], "-o", Path(scratch) / "features.npy", "--no-cache", "--threads", "1")
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    few, many = 2, min(len(paths), 42)
    return 1000 * min((seconds(many) - seconds(few)) / (many - few) for _ in range(3))


def agreement(extractor: Extractor) -> float:
    """The smallest cosine between the features of a probe image with one thread and one image at a time, and with others."""
    alone, _ = embed(extractor, extractor.probes, "--no-cache", "--threads", "1", "--batch", "1")
    cosines = [1.0]
    for threads, batch in ((1, 5), (2, 1), (2, 16)):
        others, _ = embed(extractor, extractor.probes, "--no-cache", "--threads", str(threads), "--batch", str(batch))
        products = (alone.astype(np.float64) * others).sum(1)
        lengths = np.linalg.norm(alone.astype(np.float64), axis=1) * np.linalg.norm(others.astype(np.float64), axis=1)
        cosines.append(float((products[lengths > 0] / lengths[lengths > 0]).min()))
    return min(cosines)


def choose(shelf: list[Extractor], domain: str, images: Path, labels: dict[str, str]) -> dict:
    """What `hub choose` says of the labelled images of this domain; `labels` are by path."""
    with labels_file(labels) as file:
        return hub("choose", *(one.reference for one in shelf), "--domain", domain, "--images", images, "--labels", file)


def trained_accuracy(extractor: Extractor, images: Path, shown: dict[str, str], asked: dict[str, str]) -> float:
    """Of a head that `hub train` makes of the shown images: its share of right answers on the others, each class alike."""
    with labels_file(shown) as file:
        hub("train", "evidence", "--extractor", extractor.reference, "--images", images, "--labels", file)
    with labels_file(asked) as file:
        # An image may be left out because it is a near copy of another, which is no matter of accuracy here.
        answer = hub("eval", "evidence", "--images", images, "--labels", file)
    return answer["balanced_accuracy"]


class labels_file:
    """A file of labels while it is needed."""

    def __init__(self, labels: dict[str, str]):
        self.labels = labels

    def __enter__(self) -> Path:
        self.folder = tempfile.TemporaryDirectory()
        file = Path(self.folder.name) / "labels.csv"
        with file.open("w", newline="") as stream:
            writer = csv.writer(stream)
            writer.writerow(["path", "label"])
            writer.writerows(self.labels.items())
        return file

    def __exit__(self, *_):
        self.folder.cleanup()


def hub(*arguments) -> dict:
    command = ["hub", *map(str, arguments), "--json", "--quiet", "--offline"]
    done = subprocess.run(command, env=os.environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    # 6: some inputs were left out.
    if done.returncode not in (0, 6):
        raise SystemExit(f"{' '.join(command)} ended with {done.returncode}: {done.stderr}{done.stdout}")
    return json.loads(done.stdout)
