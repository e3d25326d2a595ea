"""How many labels `hub label` saves: an expert who labels what the page suggests beside one who labels by chance.

    expert_figures.py PROGRAM EXTRACTOR PICTURE.svg FOLDER[:CLASS,CLASS…]…     `hub` on the PATH

PROGRAM is the benchmark `expert` of hub-client.

Each FOLDER holds a folder for each class; the classes named after it are told apart, all when none are named. In each of
20 runs half of the pictures, drawn at random, may be labelled, and the others are held out. The first expert gives the
first suggestion of the page its true label, and so on; the second takes pictures at random. After each label the head
that `hub train` would make answers the held-out pictures. Prints how many labels each needs for 90 right answers in 100,
and draws the curves. A run that never gets there counts as one label more than were given, which makes means too small:
how many such runs there were is printed beside them.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from figures import run, say

RUNS = 20
LABELS = 40
GOAL = 0.9


def main() -> None:
    program, extractor, picture, tasks = sys.argv[1], sys.argv[2], Path(sys.argv[3]), sys.argv[4:]
    curves, means = {}, []
    for task in tasks:
        folder, _, wanted = task.partition(":")
        features, names = embedded(extractor, Path(folder))
        classes = wanted.split(",") if wanted else sorted(set(names))
        rows = np.flatnonzero(np.isin(names, classes))
        targets = np.array([classes.index(name) for name in names[rows]], np.int32)
        name = " / ".join(classes) if len(classes) < 4 else f"{Path(folder).name}, {len(classes)} classes"
        found = followed(program, features[rows], targets)
        curves[f"{name} ({len(rows)})"] = found
        suggested, random = (labels_needed(found[who]) for who in ("suggested", "random"))
        means.append((suggested.mean(), random.mean()))
        given = found["random"].shape[1]
        print(f"{name:44} {len(rows):5} pictures   {told(suggested, given):>25} suggested   {told(random, given):>25} at random   "
              f"after {given}: {found['suggested'][:, -1].mean():.1%}, {found['random'][:, -1].mean():.1%}", flush=True)
    suggested, random = np.mean(means, axis=0)
    say("labels for 90 right answers in 100, as suggested", f"{suggested:.1f}", suggested <= random, "no more than at random")
    say("  at random", f"{random:.1f}")
    picture.write_text(drawn(curves))


def embedded(extractor: str, folder: Path) -> tuple[np.ndarray, np.ndarray]:
    with tempfile.TemporaryDirectory() as scratch:
        output = Path(scratch) / "features.npy"
        subprocess.run(["hub", "embed", extractor, str(folder), "-o", str(output), "--quiet"], check=True)
        paths = output.with_suffix(".paths.txt").read_text().splitlines()
        return np.load(output), np.array([Path(path).parent.name for path in paths])


def followed(program: str, features: np.ndarray, targets: np.ndarray) -> dict[str, np.ndarray]:
    """The share of right answers of each expert, RUNS × LABELS."""
    half = len(targets) // 2
    pools = np.stack([np.random.default_rng(seed).permutation(len(targets))[:half] for seed in range(RUNS)])
    with tempfile.TemporaryDirectory() as scratch:
        places = [Path(scratch) / name for name in ("features.npy", "classes.npy", "pools.npy")]
        for place, array in zip(places, (features, targets, pools.astype(np.int32))):
            np.save(place, array)
        answer = json.loads(run([program, *map(str, places), str(min(LABELS, half))]).output)
    return {who: np.array(curve) for who, curve in answer.items()}


def labels_needed(curves: np.ndarray) -> np.ndarray:
    """Of each run the labels from which on GOAL was reached first; one more than were given when it never was."""
    reached = curves >= GOAL
    return np.where(reached.any(1), reached.argmax(1) + 1, curves.shape[1] + 1)


def told(needed: np.ndarray, given: int) -> str:
    never = (needed > given).sum()
    return f"{needed.mean():.1f} ± {needed.std() / len(needed) ** 0.5:.1f}" + (f" ({never} never)" if never else "")


# The picture: a panel for each task, the mean curve of each expert over a band of the middle half of the runs.
WIDTH, HEIGHT, COLUMNS = 280, 200, 3
LEFT, TOP, PLOT_WIDTH, PLOT_HEIGHT = 40, 34, 222, 128
STYLE = """
    text { font: 12px system-ui, sans-serif; fill: #24302d; }
    .title { font-weight: 600; } .small { font-size: 10.5px; fill: #566460; }
    .frame { fill: none; stroke: #8b938f; } .goal { stroke: #8b938f; stroke-dasharray: 3 4; }
    .suggested { stroke: #0b5c63; } .random { stroke: #c24e00; stroke-dasharray: 6 3; } .curve { fill: none; stroke-width: 2; }
    .suggested-band { fill: #0b5c63; opacity: 0.16; } .random-band { fill: #c24e00; opacity: 0.13; }
    @media (prefers-color-scheme: dark) {
      text { fill: #e9eeec; } .small { fill: #a2afab; } .ground { fill: #181d1c; }
      .suggested { stroke: #74d0cf; } .random { stroke: #ff9c57; } .suggested-band { fill: #74d0cf; } .random-band { fill: #ff9c57; }
    }"""


def drawn(curves: dict[str, dict[str, np.ndarray]]) -> str:
    rows = -(-len(curves) // COLUMNS)
    width, height = WIDTH * COLUMNS, HEIGHT * rows + 34
    panels = "".join(panel(name, found, WIDTH * (place % COLUMNS), HEIGHT * (place // COLUMNS))
                     for place, (name, found) in enumerate(curves.items()))
    legend = "".join(f'<line class="curve {who}" x1="{x}" y1="{height - 16}" x2="{x + 30}" y2="{height - 16}"/>'
                     f'<text x="{x + 38}" y="{height - 12}">{words}</text>'
                     for who, x, words in (("suggested", 40, "labels what the page suggests"), ("random", 300, "labels at random")))
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" '
            f'aria-label="Right answers on held-out pictures after each label, suggested and at random">\n<style>{STYLE}\n</style>\n'
            f'<rect class="ground" width="{width}" height="{height}" fill="#fffefc"/>\n{panels}{legend}\n</svg>\n')


def panel(name: str, found: dict[str, np.ndarray], x: int, y: int) -> str:
    labels = found["random"].shape[1]
    low = 0.4

    def at(label: float, share: float) -> str:
        across = LEFT + PLOT_WIDTH * (label - 1) / (labels - 1)
        down = TOP + PLOT_HEIGHT * (1 - (max(share, low) - low) / (1 - low))
        return f"{across:.1f},{down:.1f}"

    def line(shares) -> str:
        return " ".join(at(label, share) for label, share in enumerate(shares, 1))

    parts = [f'<g transform="translate({x} {y})"><text class="title" x="{LEFT}" y="22">{name}</text>',
             f'<rect class="frame" x="{LEFT}" y="{TOP}" width="{PLOT_WIDTH}" height="{PLOT_HEIGHT}"/>',
             f'<polyline class="goal" points="{line([GOAL] * labels)}"/>']
    for who in ("random", "suggested"):
        bottom, top = np.quantile(found[who], (0.25, 0.75), axis=0)
        back = " ".join(reversed(line(bottom).split()))
        parts.append(f'<polygon class="{who}-band" points="{line(top)} {back}"/>')
        parts.append(f'<polyline class="curve {who}" points="{line(found[who].mean(0))}"/>')
    for share in (low, GOAL, 1.0):
        down = at(1, share).split(",")[1]
        parts.append(f'<text class="small" x="{LEFT - 6}" y="{float(down) + 4}" text-anchor="end">{share:.0%}</text>')
    for label in (*(label for label in (1, 10, 20, 30) if label <= labels - 4), labels):
        across = at(label, low).split(",")[0]
        parts.append(f'<text class="small" x="{across}" y="{TOP + PLOT_HEIGHT + 14}" text-anchor="middle">{label}</text>')
    return "\n".join(parts) + "</g>\n"


if __name__ == "__main__":
    main()
