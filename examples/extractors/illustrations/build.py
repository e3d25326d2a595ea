"""Builds illustrations 1.0.0.    build.py OUT   →   OUT/illustrations-1.0.0/"""

import sys
from pathlib import Path

from networks import HERE, network
from recipe import probes
from recipe.folder import write_folder

if __name__ == "__main__":
    write_folder(HERE / "1.0.0", Path(sys.argv[1]) / "illustrations-1.0.0", network(), probes.everyday_objects() | probes.styles())
