#!/usr/bin/env python3
"""Holds examples/catalogue/choices.py, which says in numpy what `hub choose` does, against it.

usage: check_choices.py FOLDER REFERENCE…      the extractors are installed; pictures are written to FOLDER
"""
import sys
from pathlib import Path

import numpy as np
from PIL import Image

REPOSITORY = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(REPOSITORY / "examples/catalogue"))

import choices  # noqa: E402
import few_shot  # noqa: E402
import shelf  # noqa: E402

PICTURES = 60
# What pictures of a task differ in; in the other two each of them is as it happens.
CONTRAST, TINT, SHADE = [10, 45], [(12, 0, -12), (-12, 0, 12)], [90, 128, 166]
# The task, so many labels, the place of the favourite, and whether that is named; else it is the first.
ASKED = (("contrast", 8, 1, False), ("contrast", 24, 1, True), ("contrast", 24, 0, True), ("tint", 8, 2, False),
         ("tint", 40, 2, True), ("shade", 15, 1, True))


def main() -> None:
    folder, references = Path(sys.argv[1]), sys.argv[2:]
    stock = [shelf.Extractor(*reference.split("@"), "tests", "MIT", 0, 0.0, folder) for reference in references]
    tasks = {name: Task(folder / name, stock) for name in draw(folder)}
    worse, left, kept = 0, 0, 0
    for name, labels, favourite, is_named in ASKED:
        task = tasks[name]
        shown = np.sort(few_shot.drawn(np.random.default_rng([1, labels]), task.targets, labels))
        errors = np.array([choices.errors(table[shown], task.targets[shown]) for table in task.tables])
        leave = choices.LEAVE if is_named else choices.LEAVE_GUESSED
        take, are_worse = choices.decided(favourite, leave, errors, task.targets[shown])
        mine = {one.reference: error for one, error in zip(stock, errors.mean(1), strict=True)}
        mine_worse = {one.reference for one, is_worse in zip(stock, are_worse, strict=True) if is_worse}

        said = asked(task, stock, stock[favourite], is_named, shown)
        where = f"{labels} labels by {name}"
        for one in said["extractors"]:
            expected = mine[one["extractor"]]
            assert abs(one["mean_square_error"] - expected) < 1e-4 * max(1, expected), f"{where}: {one}, {expected}"
        assert said["favourite"] == stock[favourite].reference, f"{where}: {said}"
        assert said["take"] == stock[take].reference, f"{where}: {said}, {take}"
        their_worse = {one["extractor"] for one in said["extractors"] if one["verdict"] == "worse"}
        assert their_worse == mine_worse, f"{where}: {said}, {mine_worse}"
        worse += len(mine_worse)
        left += take != favourite
        kept += take == favourite
    assert worse and left and kept, f"{worse} are worse, {left} favourites were left, {kept} kept"
    print(f"as hub choose says: {worse} worse, {left} left")


def asked(task: "Task", stock: list[shelf.Extractor], favourite: shelf.Extractor, is_named: bool, shown: np.ndarray) -> dict:
    """What `hub choose` says of the pictures that are shown."""
    others = [one.reference for one in stock if one is not favourite]
    with shelf.labels_file(task.labels(shown)) as file:
        named = ["--favourite", favourite.reference] if is_named else []
        return shelf.hub("choose", favourite.reference, *others, *named, "--images", task.folder, "--labels", file)


class Task:
    """The pictures of a folder, `CLASS-NUMBER.png`, with what each extractor makes of them."""

    def __init__(self, folder: Path, stock: list[shelf.Extractor]):
        embedded = [shelf.embed(extractor, folder) for extractor in stock]
        self.folder, self.names = folder, embedded[0][1]
        assert len(self.names) == PICTURES and all(names == self.names for _, names in embedded)
        self.tables = [table for table, _ in embedded]
        self.targets = np.array([int(name.split("-")[0]) for name in self.names])

    def labels(self, rows: np.ndarray) -> dict[str, str]:
        return {self.names[row]: f"class {self.targets[row]}" for row in rows}


def draw(folder: Path) -> dict[str, list]:
    """Writes pictures of eight by eight; gives what those of each task differ in."""
    tasks = {"contrast": CONTRAST, "tint": TINT, "shade": SHADE}
    for place, (task, values) in enumerate(tasks.items()):
        random = np.random.default_rng(place)
        (folder / task).mkdir(parents=True)
        for number in range(PICTURES):
            kinds = {name: int(random.integers(len(others))) for name, others in tasks.items()}
            kinds[task] = number * len(values) // PICTURES
            shade = SHADE[kinds["shade"]] + random.normal(0, 6)
            tint = np.array(TINT[kinds["tint"]]) + random.normal(0, 9, 3)
            noise = random.normal(0, CONTRAST[kinds["contrast"]], (8, 8, 3))
            pixels = np.clip(shade + tint + noise, 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / task / f"{kinds[task]}-{number:03}.png")
    return tasks


if __name__ == "__main__":
    main()
