"""Puts an extractor's folder together (`extractor.toml`, `README.md`, `model.onnx`, `probes/`) and tries the graph."""

import shutil
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from PIL import Image


def write_folder(source: Path, target: Path, model: onnx.ModelProto, probes: dict[str, Image.Image]) -> None:
    """Fills `target` with the texts of `source`, the model and the probe images, once the model has been tried."""
    graph = model.SerializeToString()
    dimension = try_out(graph)
    shutil.rmtree(target, ignore_errors=True)
    (target / "probes").mkdir(parents=True)
    for text in ("extractor.toml", "README.md"):
        shutil.copyfile(source / text, target / text)
    (target / "model.onnx").write_bytes(graph)
    for name, image in probes.items():
        image.save(target / "probes" / f"{name}.png", optimize=True)
    print(f"{target}: {len(graph) / 1e6:.1f} MB, {dimension} features, {len(probes)} probe images")


def try_out(graph: bytes) -> int:
    """The number of features, after a check that a picture's features do not depend on its neighbours in a batch."""
    session = open_session(graph)
    (size,) = set(session.get_inputs()[0].shape[2:])
    pictures = np.random.default_rng(0).standard_normal((3, 3, size, size)).astype(np.float32)
    together = features(session, pictures)
    alone = np.concatenate([features(session, picture[None]) for picture in pictures])
    if together.ndim != 2 or not np.isfinite(together).all() or not np.allclose(together, alone, atol=1e-4):
        raise ValueError("the graph's features are not finite, or differ between one picture and a batch")
    return together.shape[1]


def open_session(graph: bytes) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])


def features(session: onnxruntime.InferenceSession, pictures: np.ndarray) -> np.ndarray:
    """[batch, 3, size, size] → [batch, dimension]."""
    return session.run(["features"], {"input": pictures})[0]
