"""What an extractor reaches with a handful of labels: the figures of the cards.

    measure_few_labels.py EXTRACTOR_FOLDER IMAGES [--labels 10]

IMAGES holds a folder for each of two classes. Draws so many labelled images of each class, trains a linear head on their
features (mean subtracted, scaled to length 1, logistic regression), and counts how many of all other images it gets
right; 20 draws, the same ones for every extractor. Only for extractors with this folder's preprocessing.
"""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

from recipe import efficientnet_lite
from recipe.folder import features, open_session

DRAWS = 20
# Strength of the penalty on the weights, of the order that does well with few labels and unit-length features.
PENALTY = 0.1


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("extractor", type=Path)
    arguments.add_argument("images", type=Path)
    arguments.add_argument("--labels", type=int, default=10, help="labelled images of each class")
    options = arguments.parse_args()
    session = open_session((options.extractor / "model.onnx").read_bytes())
    paths = sorted(path for path in options.images.rglob("*") if path.is_file())
    classes = sorted({path.parent.name for path in paths})
    if len(classes) != 2:
        raise SystemExit(f"{options.images} must hold two folders of images, it holds {classes}")
    truth = np.array([classes.index(path.parent.name) for path in paths])
    table = np.concatenate([features(session, as_input(path)) for path in paths]).astype(np.float64)
    shares = [draw(np.random.default_rng(seed), table, truth, options.labels) for seed in range(DRAWS)]
    print(f"{options.extractor.name} on {' / '.join(classes)}, {options.labels} labels a class: "
          f"{100 * np.mean(shares):.1f} % right, ±{100 * np.std(shares):.1f} between draws, {len(paths)} images")


def draw(random, table, truth, labels) -> float:
    """The share of images without a label that a head trained on a random choice of labels gets right.

    Classes count alike, however many images they have.
    """
    chosen = np.concatenate([random.permutation(np.flatnonzero(truth == label))[:labels] for label in (0, 1)])
    centred = table - table[chosen].mean(0)
    centred /= np.linalg.norm(centred, axis=1, keepdims=True)
    right = (scores(centred[chosen], truth[chosen], centred) > 0) == truth
    rest = np.setdiff1d(np.arange(len(truth)), chosen)
    return float(np.mean([right[rest][truth[rest] == label].mean() for label in (0, 1)]))


def scores(known, labels, rows):
    """Logistic regression by Newton's method, with the weights written as a mixture of the known rows plus a bias."""
    products = known @ known.T
    columns = np.hstack([products, np.ones((len(known), 1))])
    penalty = np.zeros((len(known) + 1, len(known) + 1))
    penalty[:-1, :-1] = PENALTY * products
    signs = np.where(labels == 1, 1.0, -1.0)

    def objective(mixture):
        return np.logaddexp(0, -signs * (columns @ mixture)).sum() + 0.5 * mixture @ penalty @ mixture

    mixture = np.zeros(len(known) + 1)
    for _ in range(50):
        probability = np.exp(-np.logaddexp(0, -(columns @ mixture)))
        gradient = columns.T @ (probability - labels) + penalty @ mixture
        curvature = columns.T @ (columns * (probability * (1 - probability))[:, None]) + penalty
        step = np.linalg.solve(curvature + 1e-9 * np.eye(len(mixture)), gradient)
        while objective(mixture - step) > objective(mixture) and np.abs(step).max() > 1e-9:
            step /= 2
        mixture -= step
    return rows @ known.T @ mixture[:-1] + mixture[-1]


def as_input(path: Path) -> np.ndarray:
    image = Image.open(path)
    if image.mode in ("RGBA", "LA", "P"):
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "#ffffff"), image)
    size = (efficientnet_lite.SIZE, efficientnet_lite.SIZE)
    pixels = np.asarray(image.convert("RGB").resize(size, Image.Resampling.BICUBIC), np.float32)
    return ((pixels - efficientnet_lite.SHIFT) / efficientnet_lite.SCALE).transpose(2, 0, 1)[None]


if __name__ == "__main__":
    main()
