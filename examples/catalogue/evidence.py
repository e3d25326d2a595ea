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
CHOICES = {FEW: 3, MORE: 2}
GENERAL = "everyday-objects"
# `hub choose` measures speed anew each time, so it is asked about these, those of the domain, and the best of the task.
EVERYWHERE = (GENERAL, "picture-style", "colours-and-textures")


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


def pairs_of_things(stock: list[Extractor], folder: Path) -> dict[str, tuple[float, int]]:
    """Ten labels: the mean over all pairs of the ten classes of photographed things, for extractors of photographs."""
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
        found[extractor.name] = (float(np.mean(right)), len(right))
    return found


@dataclass
class Choice:
    """What `hub choose` said once: whom it took, whether that is as good as the best with the very same labels or it said
    that it cannot tell, and by how many points it is better than the favourite."""
    took: str
    is_right: bool
    gain: float


@dataclass
class Choices:
    """What `hub choose` said of one task, over several draws of few and of more labels."""
    task: Task
    favourite: str
    few: list[Choice]
    more: list[Choice]


def choose(measured: Measured, stock: list[Extractor], folder: Path) -> Choices:
    best = {max(draws, key=lambda name: draws[name].mean()) for draws in (measured.few, measured.most())}
    candidates = [one for one in stock if one.name in best.union(EVERYWHERE) or one.domain == measured.task.domain]
    features = {one.name: shelf.embed(one, folder)[0] for one in candidates}
    favourite = favourite_of(measured.task.domain, stock)

    def once(labels: int, draw: int) -> Choice:
        random = np.random.default_rng([7, labels, draw])
        rows = few_shot.drawn(random, measured.targets, labels)
        answer = shelf.choose(candidates, favourite, folder, {measured.names[row]: measured.labels[row] for row in rows})
        right = {name: right_answers(table, measured.targets, rows, random) for name, table in features.items()}
        verdicts = {one["extractor"].split("@")[0]: one["verdict"] for one in answer["extractors"]}
        took = answer["take"].split("@")[0]
        as_good = [name for name in right if is_as_good(right[name], right)]
        is_right = took in as_good or any(verdicts[name] == "cannot_tell" for name in as_good)
        return Choice(took, is_right, 100 * (right[took].mean() - right[favourite.name].mean()))

    few = 12 if len(set(measured.labels)) == 4 else FEW
    more = [once(MORE, draw) for draw in range(CHOICES[MORE])] if measured.more is not None else []
    choices = Choices(measured.task, favourite.name, [once(few, draw) for draw in range(CHOICES[FEW])], more)
    took = [[one.took for one in several] for several in (choices.few, choices.more)]
    print(f"choose: {measured.task.name:24} {took[0]} {took[1]}", flush=True)
    return choices


def right_answers(features: np.ndarray, targets: np.ndarray, shown: np.ndarray, random) -> np.ndarray:
    """Of each picture that was not shown, whether a head that learnt from the shown ones gets it right."""
    rest = np.setdiff1d(np.arange(len(targets)), shown)
    return few_shot.answered(features[shown], targets[shown], features[rest], int(targets.max()) + 1, random) == targets[rest]


def is_as_good(right: np.ndarray, all_of_them: dict[str, np.ndarray]) -> bool:
    """Whether the best is no better by more than one standard error of the difference on the same pictures."""
    best = max(all_of_them.values(), key=np.mean)
    difference = best.astype(float) - right
    return difference.mean() <= difference.std(ddof=1) / np.sqrt(len(difference))


def favourite_of(domain: str, stock: list[Extractor]) -> Extractor:
    """Whom the cards speak for: the extractor of the domain; of several the first, whose name is the shortest."""
    return min((one for one in stock if one.domain == domain), key=lambda one: len(one.name))


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
        right = right_answers(features, one.targets, shown, random)
        ours.append(100 * np.mean([right[one.targets[rest] == kind].mean() for kind in np.unique(one.targets)]))
        labels = lambda rows, one=one: {one.names[row]: one.labels[row] for row in rows}  # noqa: E731
        theirs.append(100 * shelf.trained_accuracy(extractor, folder, labels(shown), labels(rest)))
    return float(np.mean(ours)), float(np.mean(theirs)), len(ours)


def facts_of(extractor: Extractor, folder: Path) -> tuple[float, float]:
    """Milliseconds an image, and how far probes agree over threads and batches."""
    return shelf.milliseconds(extractor, folder), shelf.agreement(extractor)


def claimed(measured: dict[str, Measured], pairs: dict, choices: list[Choices]) -> list[tuple[str, bool, str]]:
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
    more = [one.is_right for choice in choices for one in choice.more]
    claims.append((f"hub choose with {MORE} labels takes one of the best or says that it cannot tell", all(more),
                   f"{sum(more)} of {len(more)}"))
    gains = [one.gain for choice in choices for one in choice.few]
    claims.append((f"hub choose with {FEW} labels does no worse than the domain's favourite", np.mean(gains) >= 0,
                   f"{np.mean(gains):+.1f} points in the mean of {len(gains)}"))
    return claims


if __name__ == "__main__":
    os.environ.setdefault("HUB_OFFLINE", "1")
    main()
