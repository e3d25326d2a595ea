"""The three networks of PP-OCRv4 (Apache-2.0) as one Python package carries them, in ONNX.

Each takes [batch, 3, height, width] in the order blue, green, red, (pixel / 127.5 − 1).
"""

from .weights import fetch

_PACKAGE = ("rapidocr-onnxruntime", "1.4.4", "971d7d5f223a7a808662229df1ef69893809d8457d834e6373d3854bc1782cbf")


def detector() -> bytes:
    """Finds text: sides are multiples of 32; `sigmoid_0.tmp_0` [batch, 1, height, width] is how sure it is of each pixel."""
    return _network("ch_PP-OCRv4_det_infer")


def recogniser() -> bytes:
    """Reads a line, 48 high: `softmax_11.tmp_0` [batch, width / 8, 6625] are chances of a blank, 6623 characters, a space.

    The characters stand in its metadata, a line each.
    """
    return _network("ch_PP-OCRv4_rec_infer")


def direction() -> bytes:
    """Tells whether a line of 48 × 192 is upside down: `pool2d_10.tmp_0` [batch, 200, 1, 1] is what it tells it by."""
    return _network("ch_ppocr_mobile_v2.0_cls_infer")


def _network(name: str) -> bytes:
    return fetch(*_PACKAGE, f"rapidocr_onnxruntime/models/{name}.onnx")
