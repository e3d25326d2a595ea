#!/usr/bin/env python3
"""A head as scikit-learn knows it: features of an extractor in, probabilities of classes out.

    head = pipeline()                  a fitted Pipeline: predict, predict_proba, decision_function
    plausible(probabilities)           which classes cannot be ruled out: one is an answer, several or none a doubt
    distance(features)                 mean cosine distance from the nearest labelled images, 0 to 2
    unlike(features)                   whether that is farther than labelled images are from each other
    REMARKS                            what the head is: its name, the extractor, its classes

As a program it reads features that `hub embed … -o features.npy` wrote, and prints CSV:

    python3 THIS_FILE features.npy

Needs numpy and scikit-learn. The numbers are at the end of the file, as safetensors in base64; nothing is unpickled.
"""

import base64
import csv
import json
import struct
import sys

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, Normalizer, StandardScaler

# As many of the nearest labelled images count.
NEIGHBOURS = 5


def pipeline():
    """The head: the transform of the features, then the linear map with its temperature."""
    return Pipeline([*transform(), ("head", linear_map())])


def plausible(probabilities):
    """Bool [n, K], the likeliest among them. None where all or no class would be; the likeliest alone where the head
    promises nothing."""
    probabilities = np.asarray(probabilities)
    likeliest = np.arange(probabilities.shape[1]) == probabilities.argmax(axis=1)[:, None]
    limits = REMARKS.get("hub.plausible_from")
    if limits is None:
        return likeliest
    within = probabilities >= np.array(json.loads(limits))
    found = within | likeliest
    return found & within.any(axis=1, keepdims=True) & ~found.all(axis=1, keepdims=True)


def distance(features):
    """Float [n]."""
    references = references_or_fail()
    rows = Pipeline(transform()).transform(features)
    lengths = np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    cosines = np.sort(rows @ references.T / lengths, axis=1)
    return 1 - cosines[:, -NEIGHBOURS:].mean(axis=1)


def unlike(features):
    """Bool [n]."""
    return distance(features) > float(REMARKS["hub.unlike_above"])


def transform():
    """What is done to features before the linear map."""
    count = TENSORS["weight"].shape[1]
    kind = REMARKS["hub.transform"]
    steps = [("first dimensions", FunctionTransformer(first, kw_args={"count": count}))]
    if kind in ("standardise", "centred-l2"):
        scaler = StandardScaler(with_std=kind == "standardise")
        scaler.mean_ = TENSORS["mean"].astype(np.float64)
        scaler.scale_ = TENSORS["scale"].astype(np.float64) if kind == "standardise" else None
        scaler.var_ = None if scaler.scale_ is None else scaler.scale_**2
        scaler.n_features_in_ = count
        scaler.n_samples_seen_ = 1
        steps.append(("scale", scaler))
    if kind in ("l2", "centred-l2"):
        steps.append(("length", Normalizer().fit(np.zeros((1, count)))))
    return steps


def first(features, count):
    """A newer release of an extractor may append dimensions; the head reads those it knows."""
    return np.asarray(features, np.float64)[:, :count]


def linear_map():
    weight, bias = TENSORS["weight"].astype(np.float64), TENSORS["bias"].astype(np.float64)
    classes = json.loads(REMARKS["hub.classes"])
    if len(classes) == 2:
        # scikit-learn keeps the difference of the two.
        weight, bias = weight[1:] - weight[:1], bias[1:] - bias[:1]
    temperature = float(np.float32(REMARKS["hub.temperature"]))
    classifier = LogisticRegression()
    classifier.classes_ = np.array(classes)
    classifier.coef_, classifier.intercept_ = weight / temperature, bias / temperature
    classifier.n_features_in_ = weight.shape[1]
    classifier.n_iter_ = np.array([0])
    return classifier


def references_or_fail():
    if "references" not in TENSORS:
        raise ValueError("this head was exported without directions of labelled images to compare with")
    return TENSORS["references"].astype(np.float64)


def read(data):
    """Tensors and remarks of safetensors, all float32."""
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    remarks = header.pop("__metadata__")
    body = data[8 + length :]
    tensors = {
        name: np.frombuffer(body[slice(*entry["data_offsets"])], "<f4").reshape(entry["shape"])
        for name, entry in header.items()
    }
    return tensors, remarks


def main():
    if len(sys.argv) != 2:
        sys.exit(f"usage: {sys.argv[0]} features.npy")
    features = np.load(sys.argv[1], allow_pickle=False)
    head = pipeline()
    classes = json.loads(REMARKS["hub.classes"])
    probabilities = head.predict_proba(features)
    is_unlike = unlike(features) if "references" in TENSORS else [None] * len(features)
    out = csv.writer(sys.stdout)
    out.writerow(["row", "class", "plausible", "unlike", *classes])
    for row, numbers in enumerate(probabilities):
        names = [name for name, is_one in zip(classes, plausible(numbers[None])[0]) if is_one]
        says = "" if is_unlike[row] is None else str(bool(is_unlike[row])).lower()
        out.writerow([row, classes[numbers.argmax()], json.dumps(names, ensure_ascii=False), says, *numbers])


NUMBERS = """
{numbers}
"""

TENSORS, REMARKS = read(base64.b64decode(NUMBERS))

if __name__ == "__main__":
    main()
