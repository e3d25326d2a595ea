"""Holds what `hub choose` says of many draws of labels against what heads from the same labels then get right.

The rule of hub-client/src/choose in numpy, with the same random numbers, so that thousands of draws take minutes.
"""

from collections import Counter
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

import few_shot
import shelf
from shelf import Extractor

DRAWS = 100
# Points that nobody would notice: an extractor is as good as the best when it is no farther behind.
AS_GOOD = 1.0
# And points that are worth a choice.
BEHIND = 5.0
# As in hub-client/src/choose/rule.rs.
SIGNS, WRONG, LEAVE, LEAVE_GUESSED = 999, 0.1, 0.05, 0.3


@dataclass
class Choices:
    """Of one task and so many labels, over all draws."""
    names: list[str]
    favourite: str
    # [draws, labels]: the places of the labelled pictures.
    draws: np.ndarray
    # [draws, extractors]: what heads get right of the pictures that were not shown, in per cent, each class alike.
    right: np.ndarray
    # [draws]: the place of the one that is taken.
    take: np.ndarray
    # [draws, extractors]: who is called worse.
    worse: np.ndarray
    # [draws]: the place of the one that is taken when it is not said what the pictures are of.
    take_unsaid: np.ndarray
    # Whether `hub choose` itself says the same of the first draw, where it was asked.
    agrees: bool | None = None

    def expected(self) -> np.ndarray:
        """What heads from so many labels get right, in the mean over the draws."""
        return self.right.mean(0)

    def best(self) -> int:
        return int(self.expected().argmax())

    def wrong(self) -> float:
        """The share of the draws of which everyone who is as good as the best is called worse."""
        as_good = self.expected() >= self.expected().max() - AS_GOOD
        return float((self.worse | ~as_good).all(1).mean())

    def told(self) -> float | None:
        """Of those that are well behind the best, the share that is called worse."""
        behind = self.expected() < self.expected().max() - BEHIND
        return float(self.worse[:, behind].mean()) if behind.any() else None

    def left(self) -> float:
        """How many may still be the best."""
        return float((~self.worse).sum(1).mean())

    def gain(self) -> float:
        """By how many points more the one that is taken gets right than the favourite, in the mean."""
        return float(self.gains().mean())

    def gain_error(self) -> float:
        """The standard error of the gain."""
        return float(self.gains().std(ddof=1) / np.sqrt(len(self.draws)))

    def gains(self) -> np.ndarray:
        return self.taken() - self.right[:, self.names.index(self.favourite)]

    def behind_unsaid(self) -> float:
        """As `behind`, when it is not said what the pictures are of."""
        return float((self.right[:, self.best()] - self.right[np.arange(len(self.draws)), self.take_unsaid]).mean())

    def behind(self) -> float:
        """By how many points the one that is taken is behind the best, in the mean."""
        return float((self.right[:, self.best()] - self.taken()).mean())

    def taken(self) -> np.ndarray:
        return self.right[np.arange(len(self.take)), self.take]

    def took(self) -> list[tuple[str, int]]:
        return Counter(self.names[place] for place in self.take).most_common()

    def words(self) -> str:
        agrees = {None: "", True: "; so says hub choose", False: "; hub choose says otherwise"}[self.agrees]
        return f"wrong {100 * self.wrong():.0f} %, {self.left():.1f} may be best, gain {self.gain():+.1f}{agrees}"


def many(tables: dict[str, np.ndarray], favourite: str, largest: str, targets: np.ndarray, labels: int) -> Choices:
    """Asks DRAWS times, about all extractors, whose features of all pictures of a task the tables hold. The favourite is that
    of the task's domain, the largest that of who does not say what the pictures are of."""
    asked = [(list(tables).index(favourite), LEAVE), (list(tables).index(largest), LEAVE_GUESSED)]
    draws = np.array([np.sort(few_shot.drawn(np.random.default_rng([7, labels, draw]), targets, labels))
                      for draw in range(DRAWS)])
    right, take, worse, take_unsaid = [], [], [], []
    for draw, shown in enumerate(draws):
        right.append([right_of(table, targets, shown, draw) for table in tables.values()])
        seen = np.array([errors(table[shown], targets[shown]) for table in tables.values()])
        (taken, are_worse), (taken_unsaid, _) = (decided(place, leave, seen, targets[shown]) for place, leave in asked)
        take.append(taken)
        worse.append(are_worse)
        take_unsaid.append(taken_unsaid)
    return Choices(list(tables), favourite, draws, np.array(right), np.array(take), np.array(worse), np.array(take_unsaid))


def hub_agrees(found: Choices, stock: list[Extractor], folder: Path, names: list[str], labels: list[str]) -> bool:
    """Whether `hub choose` itself says the same of the first draw; it measures speed anew, which takes seconds."""
    favourite = stock[found.names.index(found.favourite)]
    answer = shelf.choose(stock, favourite.domain, folder, {names[row]: labels[row] for row in found.draws[0]})
    worse = [one["verdict"] == "worse" for one in answer["extractors"]]
    return ((answer["favourite"], answer["take"]) == (favourite.reference, stock[found.take[0]].reference)
            and worse == list(found.worse[0]))


def right_of(features: np.ndarray, targets: np.ndarray, shown: np.ndarray, draw: int) -> float:
    """What a head from the shown pictures gets right of the others, in per cent, each class alike."""
    rest = np.setdiff1d(np.arange(len(targets)), shown)
    answers = few_shot.answered(features[shown], targets[shown], features[rest], int(targets.max()) + 1,
                                np.random.default_rng([9, draw]))
    return 100 * np.mean([(answers == targets[rest])[targets[rest] == kind].mean() for kind in np.unique(targets)])


def errors(features: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """The squared error of each labelled picture, held out, in the mean of the divisions into blocks. The pictures stand
    class by class, as many of each."""
    count = int(targets.max()) + 1
    if not np.array_equal(targets, np.repeat(np.arange(count), len(targets) // count)):
        raise ValueError("the pictures do not stand class by class, as many of each")
    mean = features.mean(0, dtype=np.float64) * len(features) / (len(features) + few_shot.MEAN_IMAGES)
    known = few_shot.directions(features, mean)
    codes = np.where(targets[:, None] == np.arange(count), 1.0, -1.0)
    values, vectors = np.linalg.eigh(known @ known.T + 1)
    blocks = blocks_of(len(targets) // count, count)
    best = None
    for penalty in few_shot.PENALTIES:
        inverse = (vectors / (np.maximum(values, 0) + penalty)) @ vectors.T
        apart = np.linalg.solve(inverse[blocks[:, :, None], blocks[:, None, :]], (inverse @ codes)[blocks])
        squared = (apart**2).mean(-1)
        if best is None or squared.sum() < best.sum():
            best = squared
    found = np.zeros(len(targets))
    np.add.at(found, blocks.ravel(), best.ravel() / few_shot.DIVISIONS)
    return found


def decided(favourite: int, leave: float, errors: np.ndarray, targets: np.ndarray) -> tuple[int, np.ndarray]:
    """Who is taken, and who is called worse, by the errors [extractors, pictures]. The favourite is left when it would look as
    bad by chance no more often than `leave`."""
    labels, count = len(targets), len(errors)
    apart = errors[:, None] - errors[None]
    lengths = np.sqrt((apart**2).sum(-1, keepdims=True))
    apart = np.divide(apart, lengths, out=np.zeros_like(apart), where=lengths > 0)
    by_chance = (apart.reshape(count * count, labels) @ signs(labels).T).reshape(count, count, SIGNS)
    seen = apart.sum(-1)
    itself = np.arange(count)
    by_chance[itself, itself] = seen[itself, itself] = -np.inf
    blocks = labels // (int(targets.max()) + 1)
    largest = np.sqrt(1 - 1 / blocks) * seen.max(1)
    chances = ((by_chance.max(1) >= largest[:, None] - 1e-9).sum(1) + 1) / (SIGNS + 1)
    worse = chances <= WRONG
    take = favourite
    if chances[favourite] <= leave:
        differences = errors[favourite] - errors
        spread = differences.std(1, ddof=1) / np.sqrt(labels)
        standard_errors = np.divide(differences.mean(1), spread, out=np.zeros(count), where=spread > 0)
        standard_errors[worse] = 0
        if standard_errors.max() > 1:
            take = int(standard_errors.argmax())
    worse[take] = False
    return take, worse


@cache
def blocks_of(each: int, classes: int) -> np.ndarray:
    """[blocks, classes]: so many of each class, class by class, dealt to blocks with one of each, several times."""
    numbers = iter(random_bits(0, few_shot.DIVISIONS * classes * each).tolist())
    members = [list(range(each * kind, each * (kind + 1))) for kind in range(classes)]
    blocks = []
    for _ in range(few_shot.DIVISIONS):
        for rows in members:
            for last in range(each - 1, 0, -1):
                other = next(numbers) % (last + 1)
                rows[last], rows[other] = rows[other], rows[last]
        blocks.append(np.array(members).T)
    return np.concatenate(blocks)


@cache
def signs(labels: int) -> np.ndarray:
    bits = random_bits(0, SIGNS * labels).reshape(SIGNS, labels)
    return np.where(bits % 2 == 0, 1.0, -1.0)


def random_bits(seed: int, count: int) -> np.ndarray:
    """SplitMix64."""
    state = np.uint64(seed) + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return state ^ (state >> np.uint64(31))
