"""Holds the names of features against pictures of which everybody knows the answer.

A recipe whose names do not mean what they say builds nothing.
"""

from collections.abc import Callable, Iterable

import numpy as np
import onnx
from PIL import Image

from .folder import features, open_session

# Of a feature that differs by about one between pictures.
CLEARLY = 0.03


def check(model: onnx.ModelProto, names: list[str], comparisons: Iterable[tuple[str, Image.Image, Image.Image]],
          as_input: Callable[[np.ndarray], np.ndarray]) -> None:
    """For each name the first picture must have clearly more of it than the second.

    Pictures have the size of the graph's input; `as_input` makes its numbers of pixels [height, width, channels] from 0
    to 255.
    """
    session = open_session(model.SerializeToString())
    for name, more, less in comparisons:
        pictures = np.stack([as_input(np.asarray(picture, np.float32)) for picture in (more, less)])
        channels_first = np.ascontiguousarray(pictures.transpose(0, 3, 1, 2), np.float32)
        values = features(session, channels_first)[:, names.index(name)]
        if not values[0] > values[1] + CLEARLY:
            raise ValueError(f"“{name}” is {values[0]:.3f} of the picture that has it and {values[1]:.3f} of the other")
