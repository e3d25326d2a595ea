"""Puts an extractor's folder together (`extractor.toml`, `README.md`, licence, `model.onnx`, `probes/`) and tries the graph."""

import shutil
import tomllib
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from PIL import Image

APACHE = Path(__file__).resolve().parents[3] / "LICENSE"


def write_folder(source: Path, target: Path, model: onnx.ModelProto, probes: dict[str, Image.Image],
                 names: list[str] | None = None) -> None:
    """Fills `target` with the texts of `source`, the model and the probe images, once the model has been tried.

    `names` are those of the features, where they have any; `extractor.toml` must say the same.
    """
    graph = model.SerializeToString()
    dimension = try_out(graph)
    card = tomllib.loads((source / "extractor.toml").read_text())
    said = card["output"]
    if said["dimension"] != dimension or said.get("names") != names:
        raise ValueError(f"{source}/extractor.toml: the output is to say\n{output_lines(dimension, names)}")
    shutil.rmtree(target, ignore_errors=True)
    (target / "probes").mkdir(parents=True)
    for text in ("extractor.toml", "README.md"):
        shutil.copyfile(source / text, target / text)
    # Whoever hands weights on hands on their licence and the names of those who gave them.
    licence = APACHE if card["license"] == "Apache-2.0" else source / "LICENSE.txt"
    shutil.copyfile(licence, target / "LICENSE.txt")
    if (source / "NOTICE.txt").exists():
        shutil.copyfile(source / "NOTICE.txt", target / "NOTICE.txt")
    (target / "model.onnx").write_bytes(graph)
    for name, image in probes.items():
        image.save(target / "probes" / f"{name}.png", optimize=True)
    print(f"{target}: {len(graph) / 1e6:.1f} MB, {dimension} features, {len(probes)} probe images")


def output_lines(dimension: int, names: list[str] | None) -> str:
    """What an `extractor.toml` has to say of the features: their number and names."""
    lines = [f"dimension = {dimension}"]
    if names is not None:
        lines += ["names = [", *(f'    "{name}",' for name in names), "]"]
    return "\n".join(lines)


def try_out(graph: bytes) -> int:
    """The number of features, after a check that a picture's features do not depend on its neighbours in a batch."""
    session = open_session(graph)
    pictures = np.random.default_rng(0).standard_normal((3, *session.get_inputs()[0].shape[1:])).astype(np.float32)
    together = features(session, pictures)
    alone = np.concatenate([features(session, picture[None]) for picture in pictures])
    if together.ndim != 2 or not np.isfinite(together).all() or not np.allclose(together, alone, atol=1e-4):
        raise ValueError("the graph's features are not finite, or differ between one picture and a batch")
    return together.shape[1]


def open_session(graph: bytes) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])


def features(session: onnxruntime.InferenceSession, pictures: np.ndarray) -> np.ndarray:
    """[batch, channels, height, width] → [batch, dimension]."""
    return session.run(["features"], {"input": pictures})[0]
