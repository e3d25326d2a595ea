"""Fetches a Debian package by its name, for the files in it; nothing is installed or run."""

import os
import shutil
import subprocess
from pathlib import Path


class Unavailable(Exception):
    """The package cannot be had on this machine; says why."""


def unpacked(package: str) -> Path:
    """The files of `package`, downloaded once into the cache (`HUB_DEV_CACHE`). apt checks them against Debian's
    signatures."""
    default = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "extractor-hub-dev"
    folder = Path(os.environ.get("HUB_DEV_CACHE") or default) / package
    if folder.is_dir():
        return folder
    if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
        raise Unavailable("this machine has no apt-get")
    incoming = folder.with_name(package + ".incoming")
    shutil.rmtree(incoming, ignore_errors=True)
    incoming.mkdir(parents=True)
    download = ["apt-get", "--quiet=2", "-o", "APT::Sandbox::User=root", "download", package]
    if _run(download, incoming) != 0 and (os.getuid() != 0 or _run(["apt-get", "--quiet=2", "update"], incoming) != 0
                                          or _run(download, incoming) != 0):
        raise Unavailable(f"apt-get could not download {package}")
    (archive,) = incoming.glob("*.deb")
    subprocess.run(["dpkg-deb", "--extract", archive, incoming], check=True)
    archive.unlink()
    incoming.rename(folder)
    return folder


def _run(command: list[str], folder: Path) -> int:
    return subprocess.run(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode
