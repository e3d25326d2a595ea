#!/usr/bin/env python3
"""Compares an exported head as safetensors and as a scikit-learn file with `hub predict`.

usage: check_numbers.py HEAD.safetensors HEAD.py FEATURES.parquet PREDICTIONS.json
"""
import csv
import importlib.util
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas
from safetensors import safe_open
from sklearn.base import is_classifier
from sklearn.pipeline import Pipeline

TOLERANCE = 1e-5


def main() -> None:
    tensors_path, program, table_path, predictions_path = sys.argv[1:]
    table = pandas.read_parquet(table_path)
    features = np.stack(table["features"].to_numpy()).astype(np.float32)
    predictions = {row["path"]: row for row in json.loads(Path(predictions_path).read_text())["predictions"]}
    rows = [predictions[path] for path in table["path"]]
    assert len(rows) >= 20

    # The numbers, by the package of those who made the format.
    with safe_open(tensors_path, "np") as file:
        remarks = file.metadata()
        tensors = {name: file.get_tensor(name) for name in file.keys()}
    classes = json.loads(remarks["hub.classes"])
    said = np.array([[row["probabilities"][name] for name in classes] for row in rows])
    assert remarks["hub.transform"] == "centred-l2"
    centred = features.astype(np.float64) - tensors["mean"]
    directions = centred / np.linalg.norm(centred, axis=1, keepdims=True)
    scores = (directions @ tensors["weight"].T + tensors["bias"]) / float(remarks["hub.temperature"])
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    close("safetensors", powers / powers.sum(axis=1, keepdims=True), said)
    assert tensors["references"].shape == (len(rows), features.shape[1])

    # The same as scikit-learn's own objects.
    spec = importlib.util.spec_from_file_location("exported", program)
    exported = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(exported)
    head = exported.pipeline()
    assert isinstance(head, Pipeline) and is_classifier(head)
    assert list(head.classes_) == classes
    probabilities = head.predict_proba(features)
    close("scikit-learn", probabilities, said)
    close("longer features", head.predict_proba(np.hstack([features, features])), said)
    assert list(head.predict(features)) == [row["class"] for row in rows]
    assert head.decision_function(features).shape == said.shape
    plausible = exported.plausible(probabilities)
    for row, marks in zip(rows, plausible):
        assert {name for name, is_one in zip(classes, marks) if is_one} == set(row["plausible"])
    close("distance", exported.distance(features), np.array([row["distance"] for row in rows]))
    assert list(exported.unlike(features)) == [row["unlike_anything_shown"] for row in rows]

    # And as a program.
    with tempfile.TemporaryDirectory() as folder:
        np.save(Path(folder) / "features.npy", features)
        run = [sys.executable, program, Path(folder) / "features.npy"]
        text = subprocess.run(run, check=True, capture_output=True, text=True).stdout
    lines = list(csv.DictReader(text.splitlines()))
    assert [line["class"] for line in lines] == [row["class"] for row in rows]
    close("the program", np.array([[float(line[name]) for name in classes] for line in lines]), said)
    two_classes(exported, features)
    print(f"{len(rows)} predictions agree within {TOLERANCE}")


def two_classes(exported, features: np.ndarray) -> None:
    """scikit-learn keeps one row of weights for two classes."""
    three = exported.pipeline().decision_function(features)[:, :2]
    expected = np.exp(three - three.max(axis=1, keepdims=True))
    exported.TENSORS["weight"], exported.TENSORS["bias"] = exported.TENSORS["weight"][:2], exported.TENSORS["bias"][:2]
    exported.REMARKS["hub.classes"] = '["a", "b"]'
    close("two classes", exported.pipeline().predict_proba(features), expected / expected.sum(axis=1, keepdims=True))


def close(what: str, found: np.ndarray, said: np.ndarray) -> None:
    difference = np.abs(found - said).max()
    assert found.shape == said.shape and difference < TOLERANCE, f"{what}: {difference}"


main()
