"""Brings real photographs, birds and mammals cut out on a transparent ground, into folders a head can learn from.

    fetch_photographs.py OUT   →   OUT/{labelled,unseen}/{bird,mammal}/*.png

They are the photographs of the Debian package tuxpaint-stamps-default (GPL-2), which is why they are fetched with
`apt-get download` each time and not kept here. Exit status 3: no such package can be had on this machine.
"""

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np

PACKAGE = "tuxpaint-stamps-default"
LABELLED_PER_CLASS, UNSEEN_PER_CLASS = 10, 30
FOLDERS = {"bird": "birds", "mammal": "mammals"}
NOT_PHOTOGRAPHS = {"cartoon", "toys"}


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("out", type=Path)
    out = arguments.parse_args().out
    animals = unpacked_package() / "usr/share/tuxpaint/stamps/animals"
    random = np.random.default_rng(7)
    for label, folder in FOLDERS.items():
        photographs = sorted(path for path in (animals / folder).rglob("*.png")
                             if not NOT_PHOTOGRAPHS.intersection(path.parts))
        chosen = [photographs[i] for i in random.permutation(len(photographs))]
        parts = {"labelled": chosen[:LABELLED_PER_CLASS],
                 "unseen": chosen[LABELLED_PER_CLASS:][:UNSEEN_PER_CLASS]}
        for part, paths in parts.items():
            target = out / part / label
            target.mkdir(parents=True, exist_ok=True)
            for path in paths:
                shutil.copyfile(path, target / path.name)
    return 0


def unpacked_package() -> Path:
    """The package's files, downloaded and unpacked (not installed) in the cache."""
    default = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "extractor-hub-dev"
    folder = Path(os.environ.get("HUB_DEV_CACHE") or default) / PACKAGE
    if folder.is_dir():
        return folder
    if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
        unavailable("this machine has no apt-get")
    incoming = folder.with_name(PACKAGE + ".incoming")
    shutil.rmtree(incoming, ignore_errors=True)
    incoming.mkdir(parents=True)
    # apt checks the package against Debian's signatures.
    download = ["apt-get", "--quiet=2", "-o", "APT::Sandbox::User=root", "download", PACKAGE]
    if run(download, incoming) != 0 and (os.getuid() != 0 or run(["apt-get", "--quiet=2", "update"], incoming) != 0
                                         or run(download, incoming) != 0):
        unavailable(f"apt-get could not download {PACKAGE}")
    (archive,) = incoming.glob("*.deb")
    subprocess.run(["dpkg-deb", "--extract", archive, incoming], check=True)
    archive.unlink()
    incoming.rename(folder)
    return folder


def run(command: list[str], folder: Path) -> int:
    return subprocess.run(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode


def unavailable(reason: str) -> None:
    print(reason, file=sys.stderr)
    raise SystemExit(3)


if __name__ == "__main__":
    sys.exit(main())
