#!/usr/bin/env python3
"""Compares `hub predict` with both exported heads in Python's onnxruntime, and reads the feature table with pandas and
polars.

usage: check_predictions.py FEATURES.parquet PREDICTIONS.json HEAD.onnx FUSED.onnx IMAGES
"""
import json
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pandas
import polars
from PIL import Image

TOLERANCE = 1e-5


def main() -> None:
    table_path, predictions_path, head_path, fused_path, images = sys.argv[1:]
    predictions = json.loads(Path(predictions_path).read_text())
    table = pandas.read_parquet(table_path)
    features = np.stack(table["features"].to_numpy()).astype(np.float32)
    other = polars.read_parquet(table_path)
    assert np.array_equal(np.array(other["features"].to_list(), np.float32), features), "pandas and polars differ"
    assert list(other["path"]) == list(table["path"])

    classes = json.loads(metadata(head_path)["hub.classes"])
    assert classes == json.loads(metadata(fused_path)["hub.classes"])
    by_name = {Path(row["path"]).parts[-2:]: row for row in predictions["predictions"]}
    rows = [by_name[Path(path).parts[-2:]] for path in table["path"]]
    assert len(rows) == len(table) == len(predictions["predictions"])
    said = np.array([[row["probabilities"][name] for name in classes] for row in rows])

    alone = run(head_path, features)
    # The release says: 8x8, squashed with the bilinear filter, (x / 255 - 0.5) / 0.5.
    paths = [next(Path(images).parent.rglob("/".join(Path(path).parts[-2:]))) for path in table["path"]]
    pixels = [np.asarray(Image.open(path).convert("RGB").resize((8, 8), Image.BILINEAR), np.float32) for path in paths]
    batch = (np.stack(pixels).transpose(0, 3, 1, 2) / np.float32(255) - np.float32(0.5)) / np.float32(0.5)
    fused = run(fused_path, batch)
    for name, found in [("head", alone), ("fused", fused)]:
        difference = np.abs(found - said).max()
        assert difference < TOLERANCE, f"{name}: probabilities differ by {difference}"
        assert np.allclose(found.sum(axis=1), 1, atol=1e-5)
    print(f"{len(rows)} predictions agree within {TOLERANCE}")


def metadata(path: str) -> dict:
    return {entry.key: entry.value for entry in onnx.load(path).metadata_props}


def run(path: str, batch: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    assert names == ["probabilities", "plausible", "distance", "unlike"], names
    return session.run(["probabilities"], {session.get_inputs()[0].name: batch})[0]


main()
