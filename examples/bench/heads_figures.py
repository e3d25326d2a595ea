"""Measures how fast heads are trained and how good they are, each beside scikit-learn in the same run.

    heads_figures.py PROGRAM speed
    heads_figures.py PROGRAM quality EXTRACTOR FOLDER…     folders whose subfolders are classes; `hub` on the PATH

PROGRAM is the benchmark `heads` of hub-client.

The features of `speed` are made here: as many images, dimensions and classes as the figure says, non-negative and
sparse as those of a network behind a ReLU, with classes that overlap.
"""

import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

# What the measured library is set to would be no fair comparison.
for variable in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):
    os.environ.pop(variable, None)

import numpy as np
from sklearn.calibration import CalibratedClassifierCV
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression, LogisticRegressionCV, RidgeClassifierCV

from figures import say

DRAWS = 50
# What `hub train` asks for when nothing else is said.
TOLERANCE = "1e-4"
LATENT = 256
STATED_DRAWS = 200


def main() -> None:
    warnings.filterwarnings("ignore")
    with tempfile.TemporaryDirectory() as scratch:
        bench = Bench(sys.argv[1], Path(scratch))
        if sys.argv[2] == "speed":
            speed(bench)
        else:
            quality(bench, sys.argv[3], [Path(folder) for folder in sys.argv[4:]])


class Bench:
    """The benchmark of heads, asked about features."""

    def __init__(self, program: str, scratch: Path):
        self.program, self.scratch = program, scratch

    def ask(self, what: str, features: np.ndarray, targets: np.ndarray, *more: str):
        command = [self.program, what]
        for name, array in {"features": features.astype(np.float32), "targets": targets.astype(np.int32)}.items():
            np.save(self.scratch / f"{name}.npy", np.ascontiguousarray(array))
            command.append(str(self.scratch / f"{name}.npy"))
        return json.loads(subprocess.run([*command, *more], check=True, stdout=subprocess.PIPE, text=True).stdout)

    def draws(self, features: np.ndarray, targets: np.ndarray, rows: np.ndarray) -> list[dict]:
        """A head for each row of `rows`, and how it does on all other images."""
        np.save(self.scratch / "draws.npy", rows.astype(np.int32))
        return self.ask("draws", features, targets, str(self.scratch / "draws.npy"))


def speed(bench: Bench) -> None:
    for images, dimensions, classes, goal in ((20_000, 1280, 10, 10), (100_000, 512, 2, 3), (200, 1280, 5, 40)):
        features, targets = made(images, dimensions, classes)
        ours = bench.ask("logistic", features, targets, "1.0", TOLERANCE)
        theirs, seconds = fitted(features, targets)
        reached = objective(theirs, features, targets)
        name = f"{images:,} × {dimensions}, {classes} classes: a logistic fit"
        say(name, f"{ours['seconds'] * 1000:.0f} ms, {ours['iterations']} iterations")
        say("  scikit-learn's LogisticRegression(C=1)", f"{seconds * 1000:.0f} ms, {theirs.n_iter_.max()} iterations")
        say("  ratio", f"{seconds / ours['seconds']:.1f}×", seconds >= goal * ours["seconds"], f"at least {goal}×")
        excess = ours["objective"] / reached - 1
        say("  objective beside scikit-learn's", f"{excess:+.1e}", excess <= 1e-6, "not above it")
    memory(bench.program)
    features, targets = made(20, 1280, 2)
    ours = bench.ask("train", features, targets)
    _, seconds = fitted(features, targets)
    say("20 × 1280: a head, its penalty chosen, its figures", f"{ours['seconds'] * 1000:.1f} ms")
    say("  scikit-learn's single fit without any choice", f"{seconds * 1000:.1f} ms")
    say("  ratio", f"{seconds / ours['seconds']:.1f}×", seconds >= ours["seconds"], "at least 1×")


def memory(program: str) -> None:
    asked = subprocess.run([program, "memory", "1000000", "512"], check=True, stdout=subprocess.PIPE, text=True)
    found = json.loads(asked.stdout)
    most = found["peak_bytes"] / found["features_bytes"]
    say("1,000,000 × 512: a head with its figures, most memory", f"{most:.2f}× the features", most <= 1.25, "at most 1.25×")
    say("  time", f"{found['seconds']:.0f} s")


def made(images: int, dimensions: int, classes: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(images)
    targets = random.integers(classes, size=images).astype(np.int32)
    targets[:classes] = np.arange(classes)
    # What varies in images lies in few directions: the strength of the k-th falls as 1/√k.
    strengths = 1 / np.sqrt(np.arange(1, LATENT + 1, dtype=np.float32))
    hidden = random.standard_normal((images, LATENT), np.float32) * strengths
    hidden += (random.standard_normal((classes, LATENT), np.float32) * strengths * np.float32(0.7))[targets]
    mixing = random.standard_normal((LATENT, dimensions), np.float32)
    noise = random.standard_normal((images, dimensions), np.float32)
    features = np.maximum(hidden @ mixing + noise, 0) * np.float32(0.3)
    # One in ten is called something else, so that no map separates the classes.
    strays = random.random(images) < 0.1
    targets[strays] = random.integers(classes, size=strays.sum())
    return features, targets


def fitted(features: np.ndarray, targets: np.ndarray) -> tuple[LogisticRegression, float]:
    """The median of three fits, one of those that take long."""
    seconds = []
    while len(seconds) < 3 and sum(seconds) < 10:
        start = time.perf_counter()
        found = LogisticRegression(C=1, max_iter=1000).fit(features, targets)
        seconds.append(time.perf_counter() - start)
    return found, float(np.median(seconds))


def objective(found: LogisticRegression, features: np.ndarray, targets: np.ndarray) -> float:
    scores = features.astype(np.float64) @ found.coef_.T.astype(np.float64) + found.intercept_
    if scores.shape[1] == 1:
        losses = np.logaddexp(0, np.where(targets == 1, -scores[:, 0], scores[:, 0]))
    else:
        largest = scores.max(axis=1)
        losses = largest + np.log(np.exp(scores - largest[:, None]).sum(axis=1)) - scores[np.arange(len(targets)), targets]
    return float(losses.sum() + 0.5 * (found.coef_.astype(np.float64) ** 2).sum())


def quality(bench: Bench, extractor: str, folders: list[Path]) -> None:
    sets = {folder.name: class_pairs(bench.scratch, extractor, folder) for folder in folders}
    few_labels(bench, {name: pairs(at_least=10) for name, pairs in sets.items()})
    # What is true must be known well: from thirty images of each class that were not shown, or more.
    honesty(bench, [pair for pairs in sets.values() for pair in pairs(at_least=40)])


def class_pairs(scratch: Path, extractor: str, folder: Path):
    """Gives the features of every two classes of a folder that have so many images each, and which of the two they are."""
    output = scratch / f"{folder.name}.npy"
    subprocess.run(["hub", "embed", extractor, str(folder), "-o", str(output), "--quiet"], check=True, stdout=subprocess.DEVNULL)
    features = np.load(output)
    classes = np.array([Path(path).parent.name for path in output.with_suffix(".paths.txt").read_text().splitlines()])

    def pairs(at_least: int) -> list[tuple[np.ndarray, np.ndarray]]:
        names = [name for name in sorted(set(classes)) if (classes == name).sum() >= at_least]
        rows = [np.flatnonzero((classes == one) | (classes == other)) for one, other in itertools.combinations(names, 2)]
        seconds = [other for _, other in itertools.combinations(names, 2)]
        return [(features[these], (classes[these] == other).astype(np.int32)) for these, other in zip(rows, seconds)]

    return pairs


def draw(random: np.random.Generator, targets: np.ndarray, each: int) -> np.ndarray:
    rows = [random.choice(np.flatnonzero(targets == kind), each, replace=False) for kind in (0, 1)]
    return np.concatenate(rows).astype(np.int32)


def few_labels(bench: Bench, sets: dict[str, list]) -> None:
    """Ten labels, five of each class: the share of right answers on all other images."""
    random = np.random.default_rng(5)
    ours, others = [], {name: [] for name in alternatives()}
    for name, pairs in sets.items():
        before = len(ours)
        for features, targets in pairs:
            draws = np.stack([draw(random, targets, 5) for _ in range(DRAWS)])
            ours += [np.mean(one["right"]) for one in bench.draws(features, targets, draws)]
            unit = features / np.linalg.norm(features, axis=1, keepdims=True)
            for rows in draws:
                shown, asked, rest = in_their_span(unit, rows)
                for other, estimator in alternatives().items():
                    others[other].append(estimator.fit(shown, targets[rows]).score(asked, targets[rest]))
        say(f"10 labels, {name}, {len(pairs)} pairs of classes, {DRAWS} draws: right", f"{np.mean(ours[before:]):.1%}")
        for other, found in others.items():
            say(f"  scikit-learn's {other}", f"{np.mean(found[before:]):.1%}")
    best = max(others, key=lambda name: np.mean(others[name]))
    mean, differences = np.mean(ours), np.array(ours) - np.array(others[best])
    error = differences.std() / np.sqrt(len(differences))
    say("10 labels, all of these: right", f"{mean:.1%}", mean >= 0.93, "at least 93 %")
    for name, found in others.items():
        say(f"  scikit-learn's {name}", f"{np.mean(found):.1%}")
    beside = f"{differences.mean() * 100:+.2f} ± {error * 100:.2f} points"
    say("  beside the best of them", beside, differences.mean() >= -2 * error, "not below by two standard errors")


def alternatives() -> dict:
    strengths = [0.01, 0.1, 1, 10, 100, 1000]
    return {
        "logistic regression, C by cross-validation": LogisticRegressionCV(Cs=strengths, cv=5, max_iter=1000),
        "ridge, alpha by cross-validation": RidgeClassifierCV(alphas=[1 / c for c in strengths]),
        "LDA, shrinkage by Ledoit and Wolf": LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto"),
    }


def in_their_span(features: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The shown and the other rows, and which those are, in a basis of the span of the shown ones: no estimator with a
    penalty on lengths can tell the difference, and all are much quicker."""
    rest = np.setdiff1d(np.arange(len(features)), rows)
    basis, _ = np.linalg.qr(features[rows].T.astype(np.float64))
    return features[rows] @ basis, features[rest] @ basis, rest


def honesty(bench: Bench, pairs: list) -> None:
    """Twenty labels: what the head states of itself, beside what is true."""
    random = np.random.default_rng(7)
    stated, true, held, sure, right, theirs = [], [], [], [], [], []
    wanted = [pairs[number % len(pairs)] for number in range(STATED_DRAWS)]
    for features, targets in wanted:
        rows = draw(random, targets, 10)
        (one,) = bench.draws(features, targets, rows[None])
        share = np.mean(one["right"])
        stated.append(one["stated"])
        true.append(share)
        held.append(one["from"] <= share <= one["to"])
        sure += one["confidence"]
        right += one["right"]
        unit = features / np.linalg.norm(features, axis=1, keepdims=True)
        shown, asked, rest = in_their_span(unit, rows)
        calibrated = CalibratedClassifierCV(LogisticRegression(C=10), cv=5).fit(shown, targets[rows])
        probabilities = calibrated.predict_proba(asked)
        theirs += list(zip(probabilities.max(axis=1), probabilities.argmax(axis=1) == targets[rest]))
    difference = (np.mean(stated) - np.mean(true)) * 100
    say(f"20 labels, {STATED_DRAWS} draws: stated less true accuracy", f"{difference:+.1f} points", abs(difference) <= 3, "within 3")
    say("  the interval holds the true one", f"{np.mean(held):.0%}", np.mean(held) >= 0.85, "at least 85 %")
    ours, other = calibration_error(np.array(sure), np.array(right)), calibration_error(*map(np.array, zip(*theirs)))
    say("  expected calibration error", f"{ours:.3f}", ours <= other + 0.0005, "not above scikit-learn's")
    say("  scikit-learn's CalibratedClassifierCV", f"{other:.3f}")


def calibration_error(sure: np.ndarray, right: np.ndarray) -> float:
    """Ten bins of equal width (Naeini, Cooper and Hauskrecht, AAAI 2015)."""
    bins = np.minimum((sure * 10).astype(int), 9)
    gaps = [abs(right[bins == number].sum() - sure[bins == number].sum()) for number in range(10)]
    return float(sum(gaps) / len(sure))


if __name__ == "__main__":
    main()
