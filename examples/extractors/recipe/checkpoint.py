"""Reads a PyTorch state dictionary (`.pth`) into numpy arrays, without PyTorch and without trusting the file.

A checkpoint is a pickle, which can name any function to call. This reader knows the few names that a dictionary of
tensors needs and refuses every other, so nothing in the file can run. Two formats exist: a zip archive, and, before
PyTorch 1.6, several pickles in a row followed by the raw numbers.
"""

import io
import pickle
import struct
import zipfile
from collections import OrderedDict
from dataclasses import dataclass

import numpy as np

_LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
_STORAGE_TYPES = {
    "FloatStorage": np.float32, "DoubleStorage": np.float64, "HalfStorage": np.float16,
    "LongStorage": np.int64, "IntStorage": np.int32, "ShortStorage": np.int16,
    "CharStorage": np.int8, "ByteStorage": np.uint8, "BoolStorage": np.bool_,
}


def read_checkpoint(data: bytes) -> dict[str, np.ndarray]:
    """The tensors of a `.pth` file by name, as arrays of their own."""
    state, storages = _read_zip(data) if data[:2] == b"PK" else _read_legacy(data)
    return {name: value.array(storages) for name, value in state.items() if isinstance(value, _Tensor)}


@dataclass
class _Storage:
    """A flat run of numbers that tensors are views of."""
    key: str
    dtype: type


@dataclass
class _Tensor:
    """A strided view of a storage, in elements."""
    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def array(self, storages: dict[str, np.ndarray]) -> np.ndarray:
        numbers = storages[self.storage.key]
        last = self.offset + sum((size - 1) * stride for size, stride in zip(self.shape, self.strides, strict=True))
        if min(self.offset, *self.shape, *self.strides, 0) < 0 or (0 not in self.shape and last >= len(numbers)):
            raise ValueError(f"a tensor of shape {self.shape} reaches outside its storage of {len(numbers)} numbers")
        strides = [stride * numbers.itemsize for stride in self.strides]
        return np.lib.stride_tricks.as_strided(numbers[self.offset:], self.shape, strides).copy()


class _Unpickler(pickle.Unpickler):
    def find_class(self, module, name):
        if module == "torch._utils" and name in ("_rebuild_tensor", "_rebuild_tensor_v2"):
            return lambda storage, offset, shape, strides, *_: _Tensor(storage, offset, tuple(shape), tuple(strides))
        if module == "torch._utils" and name == "_rebuild_parameter":
            return lambda tensor, *_: tensor
        if module in ("torch", "torch.storage") and name in _STORAGE_TYPES:
            return _STORAGE_TYPES[name]
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        raise pickle.UnpicklingError(f"refused {module}.{name}: a dictionary of tensors does not need it")

    def persistent_load(self, persistent_id):
        kind, dtype, key = persistent_id[:3]
        if kind != "storage":
            raise pickle.UnpicklingError(f"refused a persistent {kind!r}")
        return _Storage(key, dtype)


def _read_zip(data):
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        (index,) = [name for name in archive.namelist() if name.endswith("/data.pkl")]
        state = _Unpickler(io.BytesIO(archive.read(index))).load()
        root = index.removesuffix("data.pkl")
        storages = {
            tensor.storage.key: np.frombuffer(archive.read(f"{root}data/{tensor.storage.key}"), tensor.storage.dtype)
            for tensor in state.values() if isinstance(tensor, _Tensor)
        }
    return state, storages


def _read_legacy(data):
    stream = io.BytesIO(data)
    if _Unpickler(stream).load() != _LEGACY_MAGIC:
        raise ValueError("not a PyTorch checkpoint")
    _protocol, _machine = _Unpickler(stream).load(), _Unpickler(stream).load()
    state = _Unpickler(stream).load()
    dtypes = {tensor.storage.key: np.dtype(tensor.storage.dtype)
              for tensor in state.values() if isinstance(tensor, _Tensor)}
    storages = {}
    for key in _Unpickler(stream).load():
        (count,) = struct.unpack("<q", stream.read(8))
        storages[key] = np.frombuffer(stream.read(count * dtypes[key].itemsize), dtypes[key])
    return state, storages
