"""Builds text-content 1.0.0.    build.py OUT   →   OUT/text-content-1.0.0/

A network that reads lines says at each of forty places how likely each of 6,623 characters is. That is added up over the
places: which characters a line has and how often, wherever they stand. Every feature has a name.
"""

import string
import sys
from pathlib import Path

import numpy as np
import onnx
from PIL import Image, ImageDraw, ImageFont

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from recipe import foreign_network, meanings, probes, text_networks  # noqa: E402
from recipe.folder import write_folder  # noqa: E402
from recipe.graph import Graph  # noqa: E402

HEIGHT, WIDTH = 48, 320
# Thousands of characters of Chinese would be too many features for few labels: each goes into one of so many groups.
GROUPS = 64
SIGNS = {".": "full stop", ",": "comma", ":": "colon", ";": "semicolon", "-": "hyphen", "/": "slash",
         "(": "opening bracket", ")": "closing bracket", "<": "sign <", ">": "sign >", "+": "plus sign",
         "=": "equals sign", "%": "per cent sign", "&": "ampersand", "@": "at sign", "#": "number sign",
         "*": "asterisk", "!": "exclamation mark", "?": "question mark", "'": "apostrophe", '"': "quotation mark",
         "$": "dollar sign", "€": "euro sign", "£": "pound sign"}


def main(out: Path) -> None:
    model, names = network()
    meanings.check(model, names, known_lines(), lambda pixels: pixels[:, :, ::-1] / 127.5 - 1)
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
    names = [f"letter {letter}" for letter in string.ascii_uppercase] + [f"digit {digit}" for digit in string.digits]
    names += SIGNS.values()
    names += [f"Chinese writing of group {group} of {GROUPS}" for group in range(1, GROUPS + 1)]
    names += ["writing in capitals", "writing in small letters", "writing in digits", "other signs", "space", "writing in all"]
    place = {name: column for column, name in enumerate(names)}
    answers = np.zeros((len(characters) + 2, len(names)), np.float32)
    for row, character in enumerate([*characters, " "], start=1):
        for name in features_of(character):
            answers[row, place[name]] = 1
    return answers, names


def features_of(character: str) -> list[str]:
    if character == " ":
        return ["space"]
    if character in string.ascii_letters:
        case = "writing in capitals" if character.isupper() else "writing in small letters"
        return [f"letter {character.upper()}", case, "writing in all"]
    if character in string.digits:
        return [f"digit {character}", "writing in digits", "writing in all"]
    if character in SIGNS:
        return [SIGNS[character], "writing in all"]
    if character.isalpha():
        return [f"Chinese writing of group {ord(character) % GROUPS + 1} of {GROUPS}", "writing in all"]
    return ["other signs", "writing in all"]


def known_lines():
    """Name, a line that has much of it, one that has less."""
    for letter in string.ascii_uppercase:
        other = "SAME" if letter not in "SAME" else "BOND"
        yield f"letter {letter}", written(f"HO{letter}{letter}ER {letter}IN"), written(f"{other} {other}")
    for digit in string.digits:
        yield f"digit {digit}", written(f"No. {digit}{digit}"), written("No. 37" if digit not in "37" else "No. 58")
    yield "writing in capitals", written("HARBOUR"), written("harbour")
    yield "writing in small letters", written("harbour"), written("HARBOUR")
    yield "writing in digits", written("4 711 023"), written("harbour")
    yield "writing in all", written("a long line of words"), written("short")
    yield "hyphen", written("well-to-do"), written("welltodo")


def written(text: str) -> Image.Image:
    image = Image.new("RGB", (WIDTH, HEIGHT), "#ffffff")
    ImageDraw.Draw(image).text((12, HEIGHT / 2), text, "#202024", ImageFont.load_default(30), anchor="lm")
    return image


if __name__ == "__main__":
    main(Path(sys.argv[1]))
