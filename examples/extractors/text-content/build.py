"""Builds text-content 1.0.0.    build.py OUT   →   OUT/text-content-1.0.0/

A network that reads lines says at each of forty places how likely each of 6,623 characters is. That is added up over the
places: which characters a line has and how often, wherever they stand. Every feature has a name.
"""

import string
import sys
from pathlib import Path

import numpy as np
import onnx

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from recipe import foreign_network, probes, text_networks  # noqa: E402
from recipe.folder import write_folder  # noqa: E402
from recipe.graph import Graph  # noqa: E402

HEIGHT, WIDTH = 48, 320
# Thousands of characters of Chinese would be too many features for few labels: each goes into one of so many groups.
GROUPS = 64
SIGNS = {".": "full stops", ",": "commas", ":": "colons", ";": "semicolons", "-": "hyphens", "/": "slashes",
         "(": "opening brackets", ")": "closing brackets", "<": "signs <", ">": "signs >", "+": "plus signs",
         "=": "equals signs", "%": "per cent signs", "&": "ampersands", "@": "at signs", "#": "number signs",
         "*": "asterisks", "!": "exclamation marks", "?": "question marks", "'": "apostrophes", '"': "quotation marks",
         "$": "dollar signs", "€": "euro signs", "£": "pound signs"}


def main(out: Path) -> None:
    model, names = network()
    write_folder(HERE / "1.0.0", out / "text-content-1.0.0", model, probes.lines(), names)


def network() -> tuple[onnx.ModelProto, list[str]]:
    """The graph and the names of its features."""
    reader = text_networks.recogniser()
    (characters,) = [entry.value.split("\n") for entry in onnx.load_model_from_string(reader).metadata_props
                     if entry.key == "character"]
    groups, names = grouped(characters)
    graph = Graph("text-content", HEIGHT, WIDTH)
    (chances,) = foreign_network.add_to(graph, reader, graph.input, ["softmax_11.tmp_0"], "reader.")
    seen = graph.node("MatMul", chances, graph.constant(groups))
    count = graph.node("ReduceSum", seen, graph.constant(np.array([1], np.int64)), keepdims=0)
    root = graph.node("Sqrt", graph.node("Add", count, graph.constant(np.float32(1e-3))))
    return graph.finish(root, len(names)), names


def grouped(characters: list[str]) -> tuple[np.ndarray, list[str]]:
    """Which of the features each of the reader's answers counts for, [1 + characters + 1, features]; their names."""
    names = [f"letters {letter}" for letter in string.ascii_uppercase] + [f"digits {digit}" for digit in string.digits]
    names += SIGNS.values()
    names += [f"Chinese characters of group {group} of {GROUPS}" for group in range(1, GROUPS + 1)]
    names += ["capital letters", "small letters", "digits", "other signs", "spaces", "characters in all"]
    place = {name: column for column, name in enumerate(names)}
    answers = np.zeros((len(characters) + 2, len(names)), np.float32)
    for row, character in enumerate([*characters, " "], start=1):
        for name in features_of(character):
            answers[row, place[name]] = 1
    return answers, names


def features_of(character: str) -> list[str]:
    if character == " ":
        return ["spaces"]
    if character in string.ascii_letters:
        case = "capital letters" if character.isupper() else "small letters"
        return [f"letters {character.upper()}", case, "characters in all"]
    if character in string.digits:
        return [f"digits {character}", "digits", "characters in all"]
    if character in SIGNS:
        return [SIGNS[character], "characters in all"]
    if character.isalpha():
        return [f"Chinese characters of group {ord(character) % GROUPS + 1} of {GROUPS}", "characters in all"]
    return ["other signs", "characters in all"]


if __name__ == "__main__":
    main(Path(sys.argv[1]))
