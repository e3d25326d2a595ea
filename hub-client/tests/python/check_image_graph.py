#!/usr/bin/env python3
"""Runs an exported graph on decoded images and compares it with `hub predict`.

usage: check_image_graph.py IMAGE.onnx PREDICTIONS.json IMAGES [IMAGES …]
"""
import json
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from PIL import Image, ImageOps

TOLERANCE = 1e-5


def main() -> None:
    graph, predictions_path, *folders = sys.argv[1:]
    predictions = json.loads(Path(predictions_path).read_text())["predictions"]
    onnx.checker.check_model(graph, full_check=True)
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    remarks = session.get_modelmeta().custom_metadata_map
    classes = json.loads(remarks["hub.classes"])
    (entry,) = session.get_inputs()
    assert (entry.name, entry.type, entry.shape) == ("image", "tensor(uint8)", ["height", "width", 3]), entry

    compared, sizes = 0, set()
    for row in predictions:
        path = found(row["path"], folders)
        if path is None:
            continue
        image = decoded(path, json.loads(remarks["hub.preprocessing"]))
        sizes.add(image.shape)
        probabilities, plausible, distance, unlike = session.run(None, {"image": image})
        said = [row["probabilities"][name] for name in classes]
        difference = np.abs(probabilities[0] - said).max()
        assert difference < TOLERANCE, f"{path}: probabilities differ by {difference}"
        names = {name for name, is_one in zip(classes, plausible[0]) if is_one}
        assert names == set(row["plausible"]), f"{path}: {names}"
        assert abs(distance[0] - row["distance"]) < 1e-4, path
        assert unlike[0] == row["unlike_anything_shown"], path
        compared += 1
    assert compared >= 16 and len(sizes) >= 8, (compared, sizes)
    print(f"{compared} images of {len(sizes)} sizes agree within {TOLERANCE}")


def found(name: str, folders: list[str]) -> Path | None:
    """The file, which may lie in a folder of another name now."""
    parts = Path(name).parts
    candidates = [Path(folder) / Path(*parts[-depth:]) for folder in folders for depth in (1, 2) if depth <= len(parts)]
    return next((path for path in candidates if path.is_file()), None)


def decoded(path: Path, preprocessing: dict) -> np.ndarray:
    """Upright, transparent parts over the background."""
    with Image.open(path) as image:
        assert preprocessing.get("exif_orientation", True)
        upright = ImageOps.exif_transpose(image)
        pixels = np.asarray(upright.convert("RGBA")).astype(np.int64)
    background = preprocessing.get("alpha", "#ffffff")
    over = np.array([int(background[at : at + 2], 16) for at in (1, 3, 5)])
    color, alpha = pixels[..., :3], pixels[..., 3:]
    return ((color * alpha + over * (255 - alpha) + 127) // 255).astype(np.uint8)


main()
