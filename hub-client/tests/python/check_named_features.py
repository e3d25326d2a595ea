#!/usr/bin/env python3
"""Whether the features of colours-and-textures, as `hub` computes them of files, mean what they are called.

usage: check_named_features.py FOLDER NAME@VERSION AUTHORS_FOLDER      pictures are written to FOLDER
"""
import sys
import tomllib
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(REPOSITORY / "examples" / part) for part in ("catalogue", "extractors", "extractors/colours-and-textures")]

import known_pictures  # noqa: E402
import shelf  # noqa: E402
from recipe.meanings import CLEARLY  # noqa: E402


def main() -> None:
    folder, reference, author = Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
    names = tomllib.loads((author / "extractor.toml").read_text())["output"]["names"]
    extractor = shelf.Extractor(*reference.split("@"), "colours", "Apache-2.0", len(names), 0.0, folder)
    comparisons = list(known_pictures.comparisons())
    folder.mkdir()
    for number, (_, more, less) in enumerate(comparisons):
        more.save(folder / f"{number:03}-more.png")
        less.save(folder / f"{number:03}-less.png")
    features, paths = shelf.embed(extractor, folder)
    assert features.shape == (2 * len(comparisons), len(names)), features.shape
    row = {path: features[place] for place, path in enumerate(paths)}
    for number, (name, _, _) in enumerate(comparisons):
        feature = names.index(name)
        more, less = (row[f"{number:03}-{which}.png"][feature] for which in ("more", "less"))
        assert more > less + CLEARLY, f"“{name}” is {more:.3f} of the picture that has it and {less:.3f} of the other"
    print(f"{len(comparisons)} names mean what they say")


if __name__ == "__main__":
    main()
