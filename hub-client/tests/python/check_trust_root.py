#!/usr/bin/env python3
"""Follows a hub's trust root with python-tuf's client, which knows nothing of this project.

usage: check_trust_root.py follow URL 1.root.json STATE EXPECTED_ROOT
       check_trust_root.py refuse URL 1.root.json STATE OLD_TIMESTAMP.json

`follow` ends at the expected version of root.json, with every file that the trust root vouches for. `refuse` shows
the same client an under-signed, a rolled-back, an expired and a mixed state, each of which it must refuse by name.
"""

import copy
import datetime
import json
import sys
import tempfile
import urllib.error
import urllib.request
from pathlib import Path

from tuf.api.exceptions import (
    BadVersionNumberError,
    DownloadError,
    DownloadHTTPError,
    ExpiredMetadataError,
    RepositoryError,
    UnsignedMetadataError,
)
from tuf.ngclient import FetcherInterface, Updater


class Hub(FetcherInterface):
    """The hub's files, some of them exchanged."""

    def __init__(self, exchanged=None):
        self.exchanged = exchanged or {}

    def _fetch(self, url):
        for path, content in self.exchanged.items():
            if url.endswith(path):
                return iter([content])
        return iter([fetch(url)])


def fetch(url):
    try:
        with urllib.request.urlopen(url) as answer:
            return answer.read()
    except urllib.error.HTTPError as error:
        raise DownloadHTTPError(f"{url}: {error.code}", error.code) from error


def client(url, root, state, exchanged=None):
    return Updater(
        metadata_dir=str(state / "metadata"),
        metadata_base_url=f"{url}/tuf/metadata/",
        target_dir=str(state / "targets"),
        target_base_url=f"{url}/tuf/targets/",
        fetcher=Hub(exchanged),
        bootstrap=root,
    )


def follow(url, root, state, expected):
    for folder in ("metadata", "targets"):
        (state / folder).mkdir(parents=True, exist_ok=True)
    updater = client(url, root, state)
    updater.refresh()
    found = updater._trusted_set.root.version
    assert found == int(expected), f"root {found}, expected {expected}"
    for path in ("consortium.json", "log.policy", "keyring/alpha.json"):
        info = updater.get_targetinfo(path)
        assert info is not None, path
        target = Path(updater.download_target(info, str(state / "targets" / path.replace("/", "-"))))
        assert target.stat().st_size == info.length
    consortium = json.loads((state / "targets" / "consortium.json").read_text())
    assert "alpha" in consortium["members"], consortium
    # A member's role reaches no further than its own keyring.
    assert updater.get_targetinfo("keyring/nobody.json") is None


def refuse(url, root, state, old_timestamp):
    newest = json.loads(fetch(f"{url}/tuf/metadata/2.root.json"))

    def refused(what, error, updater):
        try:
            updater.refresh()
        except error:
            return
        except RepositoryError as other:
            raise AssertionError(f"{what}: {other!r}, expected {error}") from other
        raise AssertionError(f"python-tuf accepted a state that is {what}")

    def fresh():
        folder = Path(tempfile.mkdtemp())
        (folder / "metadata").mkdir()
        (folder / "targets").mkdir()
        return folder

    # The honest state first, so that what follows is refused for the change alone.
    client(url, root, fresh()).refresh()
    under_signed = copy.deepcopy(newest)
    under_signed["signatures"] = under_signed["signatures"][:1]
    exchanged = {"/2.root.json": json.dumps(under_signed).encode()}
    refused("under-signed", UnsignedMetadataError, client(url, root, fresh(), exchanged))
    skipped = {"/2.root.json": fetch(f"{url}/tuf/metadata/3.root.json")}
    refused("skipping a version", RepositoryError, client(url, root, fresh(), skipped))
    exchanged = {"/timestamp.json": Path(old_timestamp).read_bytes()}
    refused("rolled back", BadVersionNumberError, client(url, root, state, exchanged))
    expired = client(url, root, fresh())
    expired._trusted_set.reference_time += datetime.timedelta(days=5)
    refused("expired", ExpiredMetadataError, expired)
    mixed = {".targets.json": fetch(f"{url}/tuf/metadata/1.targets.json")}
    refused("mixed", (RepositoryError, DownloadError), client(url, root, fresh(), mixed))


def main():
    mode, url, root, state, last = sys.argv[1:]
    root = Path(root).read_bytes()
    if mode == "follow":
        follow(url, root, Path(state), last)
    else:
        refuse(url, root, Path(state), last)


main()
