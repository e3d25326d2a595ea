"""Measures the catalogue's extractors on all tasks and writes what was found as a page.

    evidence.py IMAGES TASKS EXTRACTORS PAGE.md      HUB_HOME: a member's that has them installed; `hub` on the PATH

IMAGES: the sets that ../images/fetch.py brings. TASKS: what tasks.py made. EXTRACTORS: the authors' folders.
Prints how far it is, and at the end which of the catalogue's claims hold.
"""

import itertools
import os
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import few_shot
import page
import shelf
from shelf import Extractor
from tasks import TASKS, Task

DRAWS = 20
FEW, MORE = 10, 40
CHOICES = {FEW: 6, MORE: 4}
# As many points apart, two extractors are taken for equally good.
NOISE = 1.5
GENERAL = "everyday-objects"


@dataclass
class Measured:
    """Of one task: the pictures, their classes, and each extractor's right answers, in per cent, of each draw."""
    task: Task
    names: list[str]
    labels: list[str]
    targets: np.ndarray
    few: dict[str, np.ndarray]
    more: dict[str, np.ndarray] | None

    def most(self) -> dict[str, np.ndarray]:
        """With 40 labels, where there are pictures enough."""
        return self.more if self.more is not None else self.few


def main() -> None:
    images, tasks, extractors, output = map(Path, sys.argv[1:])
    stock = shelf.read_shelf(extractors)
    measured = [measure(task, stock, tasks / task.name) for task in TASKS]
    pairs = pairs_of_things(stock, images / "stamps")
    choices = [choose(one, stock, tasks / one.task.name) for one in measured]
    check = beside_hub_train(measured, stock, tasks)
    facts = {one.name: facts_of(one, tasks / "birds-or-mammals") for one in stock}
    claims = claimed({one.task.name: one for one in measured}, pairs, choices)
    output.write_text(page.written(stock, facts, measured, pairs, choices, check, claims))
    print(f"wrote {output}")
    for claim, holds, figures in claims:
        print(f"{'holds ' if holds else 'MISSED'}  {claim}: {figures}")


def measure(task: Task, stock: list[Extractor], folder: Path) -> Measured:
    few, more = {}, {}
    for extractor in stock:
        features, paths, _ = shelf.embed(extractor, folder)
        labels = [Path(path).parent.name for path in paths]
        classes = sorted(set(labels))
        targets = np.array([classes.index(label) for label in labels])
        # Four classes get three labels each.
        few[extractor.name] = 100 * few_shot.accuracy(features, targets, FEW if len(classes) == 2 else 12, DRAWS)
        # What is left must tell something.
        if np.bincount(targets).min() >= MORE // len(classes) + 8:
            more[extractor.name] = 100 * few_shot.accuracy(features, targets, MORE, DRAWS)
    best = max(few, key=lambda name: few[name].mean())
    print(f"{task.name:24} {len(targets):4} pictures   {FEW} labels: {best} {few[best].mean():.1f} %", flush=True)
    return Measured(task, [str(Path(*Path(path).parts[-2:])) for path in paths], labels, targets, few, more or None)


def pairs_of_things(stock: list[Extractor], folder: Path) -> dict[str, tuple[float, int]]:
    """Ten labels: the mean over all pairs of the ten classes of photographed things, for extractors of photographs."""
    found = {}
    for extractor in stock:
        if extractor.domain != "photographs":
            continue
        features, paths, _ = shelf.embed(extractor, folder)
        labels = np.array([Path(path).parent.name for path in paths])
        right = []
        for one, other in itertools.combinations(sorted(set(labels)), 2):
            rows = np.flatnonzero((labels == one) | (labels == other))
            targets = (labels[rows] == other).astype(int)
            if np.bincount(targets).min() >= 10:
                right.append(100 * few_shot.accuracy(features[rows], targets, FEW, DRAWS).mean())
        found[extractor.name] = (float(np.mean(right)), len(right))
    return found


@dataclass
class Choice:
    """What `hub choose` said of one task over several draws of labels."""
    task: Task
    favourite: str
    took: dict[int, list[str]]
    cannot_tell: dict[int, list[bool]]
    good: set[str]
    gained: float

    def right(self, labels: int) -> int:
        """How often the one taken is as good as the best, or the answer was that more labels are needed to tell."""
        return sum(name in self.good or unsure for name, unsure in zip(self.took[labels], self.cannot_tell[labels], strict=True))


def choose(measured: Measured, stock: list[Extractor], folder: Path) -> Choice:
    favourite = favourite_of(measured.task.domain, stock)
    figures = {name: draws.mean() for name, draws in measured.most().items()}
    good = {name for name, mean in figures.items() if mean >= max(figures.values()) - NOISE}
    choice = Choice(measured.task, favourite.name, {}, {}, good, 0.0)
    few = {name: draws.mean() for name, draws in measured.few.items()}
    for labels, draws in CHOICES.items():
        choice.took[labels], choice.cannot_tell[labels] = [], []
        if labels == MORE and measured.more is None:
            continue
        classes = len(set(measured.labels))
        for draw in range(draws):
            random = np.random.default_rng([7, labels, draw])
            rows = few_shot.drawn(random, measured.targets, labels if labels == MORE or classes == 2 else 12)
            answer = shelf.choose(stock, favourite, folder, {measured.names[row]: measured.labels[row] for row in rows})
            name = answer["take"].split("@")[0]
            choice.took[labels].append(name)
            choice.cannot_tell[labels].append(any(
                one["verdict"] == "cannot_tell" and one["extractor"].split("@")[0] in good for one in answer["extractors"]))
            if labels == FEW:
                choice.gained += (few[name] - few[favourite.name]) / draws
    print(f"choose: {measured.task.name:24} {choice.took}", flush=True)
    return choice


def favourite_of(domain: str, stock: list[Extractor]) -> Extractor:
    """Whom the cards speak for: the extractor of the domain; of several the first, whose name is the shortest."""
    return min((one for one in stock if one.domain == domain), key=lambda one: len(one.name))


def beside_hub_train(measured: list[Measured], stock: list[Extractor], tasks: Path) -> tuple[float, float, int]:
    """One head of each task, made by `hub train` and by few_shot.py from the same labels: the means of both in per cent."""
    ours, theirs = [], []
    for one in measured:
        extractor = favourite_of(one.task.domain, stock)
        folder = tasks / one.task.name
        features, _, _ = shelf.embed(extractor, folder)
        random = np.random.default_rng([11])
        shown = few_shot.drawn(random, one.targets, FEW if len(set(one.labels)) == 2 else 12)
        rest = np.setdiff1d(np.arange(len(one.targets)), shown)
        answers = few_shot.answered(features[shown], one.targets[shown], features[rest], len(set(one.labels)), random)
        right = answers == one.targets[rest]
        ours.append(100 * np.mean([right[one.targets[rest] == kind].mean() for kind in np.unique(one.targets)]))
        labels = lambda rows, one=one: {one.names[row]: one.labels[row] for row in rows}  # noqa: E731
        theirs.append(100 * shelf.trained_accuracy(extractor, folder, labels(shown), labels(rest)))
    return float(np.mean(ours)), float(np.mean(theirs)), len(ours)


def facts_of(extractor: Extractor, folder: Path) -> tuple[float, float]:
    """Milliseconds an image with one thread, and how far probes agree over threads and batches."""
    _, _, milliseconds = shelf.embed(extractor, folder, "--no-cache", "--threads", "1")
    return milliseconds, shelf.agreement(extractor)


def claimed(measured: dict[str, Measured], pairs: dict, choices: list[Choice]) -> list[tuple[str, bool, str]]:
    """What the catalogue says of itself, whether it is so, and the figures."""
    claims = []

    def beats(task: str, better: str, worse: str) -> None:
        figures = [(few[better].mean(), few[worse].mean()) for few in (measured[task].few, measured[task].most())]
        holds = all(one > other for one, other in figures)
        said = ", ".join(f"{one:.1f} beside {other:.1f} %" for one, other in dict.fromkeys(figures))
        claims.append((f"{better} beats {worse} on {task}", holds, said))

    beats("yellow-or-blue-tint", "picture-style", GENERAL)
    beats("filtered", "picture-style", GENERAL)
    beats("things-in-any-tint", GENERAL, "picture-style")
    beats("kind-of-page", "text-layout", "text-content")
    beats("which-word", "text-content", "text-layout")
    red = measured["mostly-red"]
    best = max(red.few, key=lambda name: red.few[name].mean())
    claims.append(("colours-and-textures beats all on mostly-red", best == "colours-and-textures",
                   f"{red.few[best].mean():.1f} % of {best}"))
    share, count = pairs[GENERAL]
    claims.append((f"{GENERAL}, {FEW} labels: at least 90 % on pairs of photographed things", share >= 90,
                   f"{share:.1f} %, mean of {count} pairs"))
    runs = [(choice.right(MORE), len(choice.took[MORE])) for choice in choices if choice.took[MORE]]
    right, of = (sum(column) for column in zip(*runs, strict=True))
    claims.append((f"hub choose with {MORE} labels takes one of the best or says that it cannot tell", right == of, f"{right} of {of}"))
    gained = float(np.mean([choice.gained for choice in choices]))
    claims.append((f"hub choose with {FEW} labels does no worse than the domain's favourite", gained >= 0, f"{gained:+.1f} points in the mean"))
    return claims


if __name__ == "__main__":
    os.environ.setdefault("HUB_OFFLINE", "1")
    main()
