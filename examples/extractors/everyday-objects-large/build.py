"""Builds everyday-objects-large 1.0.0.    build.py OUT   →   OUT/everyday-objects-large-1.0.0/"""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from recipe import efficientnet_lite, everyday_objects  # noqa: E402

if __name__ == "__main__":
    everyday_objects.build(HERE / "1.0.0", Path(sys.argv[1]), efficientnet_lite.LITE2)
