"""A random projection that is the same everywhere and for ever: its signs are the bits of a hash."""

import hashlib

import numpy as np


def signs(rows: int, columns: int, seed: str) -> np.ndarray:
    """[rows, columns] of ±1/√columns: it keeps distances in the mean (Achlioptas, J. Comput. Syst. Sci. 66, 2003)."""
    count = rows * columns
    bits = np.frombuffer(hashlib.shake_256(seed.encode()).digest(-(-count // 8)), np.uint8)
    values = np.unpackbits(bits)[:count].reshape(rows, columns).astype(np.float32) * 2 - 1
    return values / np.float32(np.sqrt(columns))
