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

import choices
import few_shot
import page
import shelf
from choices import Choices
from shelf import Extractor
from tasks import TASKS, Task

DRAWS = 20
FEW, MORE = 10, 40
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
    says = [chosen(one, stock, tasks / one.task.name) for one in measured]
    check = beside_hub_train(measured, stock, tasks)
    facts = {one.name: facts_of(one, tasks / "birds-or-mammals") for one in stock}
    claims = claimed({one.task.name: one for one in measured}, pairs, says)
    output.write_text(page.written(stock, facts, measured, pairs, says, check, claims))
    print(f"wrote {output}")
    for claim, holds, figures in claims:
        print(f"{'holds ' if holds else 'MISSED'}  {claim}: {figures}")


def measure(task: Task, stock: list[Extractor], folder: Path) -> Measured:
    few, more = {}, {}
    for extractor in stock:
        features, paths = shelf.embed(extractor, folder)
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


def pairs_of_things(stock: list[Extractor], folder: Path) -> dict[str, np.ndarray]:
    """Ten labels: the share of right answers for each pair of the ten classes of photographed things, in per cent, for
    extractors of photographs."""
    found = {}
    for extractor in stock:
        if extractor.domain != "photographs":
            continue
        features, paths = shelf.embed(extractor, folder)
        labels = np.array([Path(path).parent.name for path in paths])
        right = []
        for one, other in itertools.combinations(sorted(set(labels)), 2):
            rows = np.flatnonzero((labels == one) | (labels == other))
            targets = (labels[rows] == other).astype(int)
            if np.bincount(targets).min() >= 10:
                right.append(100 * few_shot.accuracy(features[rows], targets, FEW, DRAWS).mean())
        found[extractor.name] = np.array(right)
    return found


def chosen(measured: Measured, stock: list[Extractor], folder: Path) -> dict[int, Choices]:
    """What `hub choose` says of a task from few and from more labels, where there are pictures enough."""
    favourite = favourite_of(measured.task.domain, stock).name
    largest = max(stock, key=lambda one: one.megabytes).name
    tables = {one.name: shelf.embed(one, folder)[0] for one in stock}
    found = {}
    for labels in (FEW, MORE) if measured.more is not None else (FEW,):
        count = 12 if labels == FEW and len(set(measured.labels)) == 4 else labels
        found[labels] = choices.many(tables, favourite, largest, measured.targets, count)
    # Of as many labels as there are.
    found[labels].agrees = choices.hub_agrees(found[labels], stock, folder, measured.names, measured.labels)
    print(f"choose: {measured.task.name:24} " + " | ".join(f"{labels}: {one.words()}" for labels, one in found.items()), flush=True)
    return found


def favourite_of(domain: str, stock: list[Extractor]) -> Extractor:
    """That of `hub choose --domain`: the largest made for it."""
    return max((one for one in stock if one.domain == domain), key=lambda one: one.megabytes)


def beside_hub_train(measured: list[Measured], stock: list[Extractor], tasks: Path) -> tuple[float, float, int]:
    """One head of each task, made by `hub train` and by few_shot.py from the same labels: the means of both in per cent."""
    ours, theirs = [], []
    for one in measured:
        extractor = favourite_of(one.task.domain, stock)
        folder = tasks / one.task.name
        features, _ = shelf.embed(extractor, folder)
        random = np.random.default_rng([11])
        shown = few_shot.drawn(random, one.targets, FEW if len(set(one.labels)) == 2 else 12)
        rest = np.setdiff1d(np.arange(len(one.targets)), shown)
        ours.append(choices.right_of(features, one.targets, shown, 0))
        labels = lambda rows, one=one: {one.names[row]: one.labels[row] for row in rows}  # noqa: E731
        theirs.append(100 * shelf.trained_accuracy(extractor, folder, labels(shown), labels(rest)))
    return float(np.mean(ours)), float(np.mean(theirs)), len(ours)


def facts_of(extractor: Extractor, folder: Path) -> tuple[float, float]:
    """Milliseconds an image, and how far probes agree over threads and batches."""
    return shelf.milliseconds(extractor, folder), shelf.agreement(extractor)


def claimed(measured: dict[str, Measured], pairs: dict, says: list[dict[int, Choices]]) -> list[tuple[str, bool, str]]:
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
    share = pairs[GENERAL]
    claims.append((f"{GENERAL}, {FEW} labels: at least 90 % on pairs of photographed things", share.mean() >= 90,
                   f"{share.mean():.1f} %, mean of {len(share)} pairs"))
    more = [one[MORE] for one in says if MORE in one]
    wrong = 100 * np.array([one.wrong() for one in more])
    claims.append((f"hub choose with {MORE} labels takes one of the best or says that it cannot tell, 9 times in 10",
                   wrong.mean() <= 10, f"wrong {wrong.mean():.1f} times in 100, mean of {len(more)} tasks of "
                   f"{choices.DRAWS} draws; at most {wrong.max():.0f} on one"))
    gains = [one[FEW].gain() for one in says]
    worst = min(one[FEW].gain() / one[FEW].gain_error() for one in says if one[FEW].gain_error() > 0)
    claims.append((f"hub choose with {FEW} labels does no worse than the domain's favourite, on any task",
                   np.mean(gains) >= 0 and worst >= -2,
                   f"{np.mean(gains):+.1f} points, mean of {len(gains)} tasks; {min(gains):+.1f} to {max(gains):+.1f}; "
                   f"at worst {-worst:.1f} standard errors behind"))
    return claims


if __name__ == "__main__":
    os.environ.setdefault("HUB_OFFLINE", "1")
    main()
