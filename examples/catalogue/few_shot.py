"""What a linear head reaches with a handful of labels: the head that `hub train` makes, in a few lines of numpy.

Features are centred and scaled to length 1, the head is ridge regression of class codes, and its penalty is the one with
the smallest squared error on blocks that are left out and hold one image of each class. docs/HEADS.md has the reasons.
"""

import numpy as np

PENALTIES = np.logspace(-4, 2, 25)
DIVISIONS = 10
# A mean of few images is rough, so it counts as if so many images at zero had been seen as well.
MEAN_IMAGES = 30


def accuracy(features: np.ndarray, targets: np.ndarray, labels: int, draws: int, seed: int = 0) -> np.ndarray:
    """The share of right answers, of each class alike, on all images that were not drawn: `labels` in all, as many of
    each class, `draws` times."""
    classes = int(targets.max()) + 1
    found = []
    for draw in range(draws):
        random = np.random.default_rng([seed, labels, draw])
        shown = drawn(random, targets, labels)
        rest = np.setdiff1d(np.arange(len(targets)), shown)
        answers = answered(features[shown], targets[shown], features[rest], classes, random)
        found.append(np.mean([(answers == targets[rest])[targets[rest] == kind].mean() for kind in range(classes)]))
    return np.array(found)


def drawn(random: np.random.Generator, targets: np.ndarray, labels: int) -> np.ndarray:
    classes = int(targets.max()) + 1
    return np.concatenate([random.permutation(np.flatnonzero(targets == kind))[:labels // classes] for kind in range(classes)])


def answered(shown: np.ndarray, targets: np.ndarray, asked: np.ndarray, classes: int, random) -> np.ndarray:
    """The classes of the rows of `asked`, learnt from those of `shown`."""
    mean = shown.mean(0, dtype=np.float64) * len(shown) / (len(shown) + MEAN_IMAGES)
    known, unknown = directions(shown, mean), directions(asked, mean)
    codes = np.where(targets[:, None] == np.arange(classes), 1.0, -1.0)
    values, vectors = np.linalg.eigh(known @ known.T + 1)
    blocks = np.concatenate([dealt(random, targets) for _ in range(DIVISIONS)])
    best = min(PENALTIES, key=lambda penalty: held_out_error(values, vectors, codes, penalty, blocks))
    multipliers = (vectors / (values + best)) @ (vectors.T @ codes)
    return ((unknown @ known.T + 1) @ multipliers).argmax(1)


def directions(features, mean):
    away = features - mean
    return away / np.maximum(np.linalg.norm(away, axis=1, keepdims=True), 1e-12)


def dealt(random, targets):
    """[blocks, classes]: rows of which each block holds one of each class; labels are as many of each class."""
    return np.stack([random.permutation(np.flatnonzero(targets == kind)) for kind in np.unique(targets)], axis=1)


def held_out_error(values, vectors, codes, penalty, blocks):
    """Golub, Heath and Wahba's identity, block by block."""
    inverse = (vectors / (values + penalty)) @ vectors.T
    multipliers = inverse @ codes
    return (np.linalg.solve(inverse[blocks[:, :, None], blocks[:, None, :]], multipliers[blocks]) ** 2).sum()
