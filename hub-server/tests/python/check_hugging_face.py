#!/usr/bin/env python3
"""Reads a hub with the Hugging Face Hub's own client; the hub's address and a token are in the environment.

usage: check_hugging_face.py EXPECTED.json FOLDER

EXPECTED.json: {"names": {name: {"main": version, "yanked": version or null, "versions": {version: {"commit": …,
"files": {path: base64}}}}}}
"""
import base64
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

from huggingface_hub import HfApi, ModelCard, get_hf_file_metadata, hf_hub_download, hf_hub_url, snapshot_download
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    RemoteEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)


def main() -> None:
    expected, folder = json.loads(Path(sys.argv[1]).read_text()), Path(sys.argv[2])
    api = HfApi()
    assert api.whoami()["name"] == "alpha"
    for name, about in expected["names"].items():
        check_repository(api, name, about, folder)
    check_listing(api, sorted(expected["names"]))
    check_errors(api, *next(iter(expected["names"].items())))
    check_tokens(next(iter(expected["names"])))
    for name, about in expected["names"].items():
        check_command(name, about, folder / "command")
    print(f"{len(expected['names'])} repositories read")


def revisions(about: dict) -> dict:
    """Revision → version."""
    newest = about["main"]
    major, minor, _ = newest.split(".")
    moving = {None: newest, "main": newest, major: newest, f"{major}.{minor}": newest}
    return moving | {v: v for v in about["versions"]} | {r["commit"]: v for v, r in about["versions"].items()}


def check_repository(api: HfApi, name: str, about: dict, folder: Path) -> None:
    for revision, version in revisions(about).items():
        release = about["versions"][version]
        files = {path: base64.b64decode(text) for path, text in release["files"].items()}
        info = api.model_info(name, revision=revision, files_metadata=True)
        assert (info.id, info.sha, info.private, info.gated) == (name, release["commit"], True, False), info
        assert info.author == (name.split("/")[0] if "/" in name else None)
        assert {s.rfilename: s.size for s in info.siblings} == {path: len(data) for path, data in files.items()}
        assert {s.rfilename: s.lfs.sha256 for s in info.siblings} == {p: digest(data) for p, data in files.items()}
        assert info.library_name == "onnx" and info.pipeline_tag == "image-feature-extraction"
        assert info.card_data.license == "Apache-2.0" and info.card_data.tags == ["squares"]
        assert "license:Apache-2.0" in info.tags and "squares" in info.tags
        assert info.config["manifest"]["input"]["width"] == 8
        assert info.config["release"]["version"] == version
        assert ("yanked" in info.config["release"]) == (version == about["yanked"])
        assert sorted(api.list_repo_files(name, revision=revision)) == sorted(files)

        snapshot = Path(snapshot_download(name, revision=revision, cache_dir=folder / "cache"))
        assert snapshot.name == release["commit"]
        assert contents(snapshot) == files
        local = folder / f"{name.replace('/', '-')}-{revision}"
        snapshot_download(name, revision=revision, local_dir=local, cache_dir=folder / "other")
        assert {p: d for p, d in contents(local).items() if not p.startswith(".cache")} == files
        for path, data in files.items():
            one = hf_hub_download(name, path, revision=revision, cache_dir=folder / "single")
            assert Path(one).read_bytes() == data
            assert api.file_exists(name, path, revision=revision)
            about_file = get_hf_file_metadata(hf_hub_url(name, path, revision=revision))
            assert (about_file.etag, about_file.size) == (digest(data), len(data)), about_file
            assert about_file.commit_hash == release["commit"]
        assert not api.file_exists(name, "config.json", revision=revision)
        checked = api.verify_repo_checksums(name, revision=revision, local_dir=local)
        assert checked.checked_count == len(files) and not checked.mismatches, checked

        tree = {entry.path: entry for entry in api.list_repo_tree(name, revision=revision)}
        assert set(tree) == {path.split("/")[0] for path in files}
        inner = {entry.path for entry in api.list_repo_tree(name, "probes", revision=revision)}
        assert inner == {path for path in files if path.startswith("probes/")}
        asked = api.get_paths_info(name, ["probes", "model.onnx", "nothing"], revision=revision)
        assert {entry.path for entry in asked} == {"probes", "model.onnx"}

    refs = api.list_repo_refs(name)
    commits = {version: release["commit"] for version, release in about["versions"].items()}
    assert {tag.name: tag.target_commit for tag in refs.tags} == commits
    branches = {branch.name: branch.target_commit for branch in refs.branches}
    newest = about["main"]
    for branch in ("main", newest.split(".")[0], newest.rsplit(".", 1)[0]):
        assert branches[branch] == commits[newest], branches
    assert api.repo_exists(name) and api.revision_exists(name, "main")
    assert ModelCard.load(name).text.startswith(f"# {name} {newest}")


def check_listing(api: HfApi, names: list) -> None:
    def listed(**wanted: object) -> list:
        return [model.id for model in api.list_models(**wanted)]

    assert listed() == names
    # Pages of one, one after the other.
    pages = [model.id for model in api.list_models(search="squares", full=True)]
    assert pages == names
    assert listed(limit=1) == names[:1]
    assert listed(author="alpha") == [name for name in names if name.startswith("alpha/")]
    assert listed(filter=["squares", "onnx", "license:Apache-2.0"]) == names
    assert listed(pipeline_tag="image-feature-extraction") == names
    assert listed(filter="license:MIT") == listed(filter="cats") == listed(pipeline_tag="text-generation") == []
    full = next(iter(api.list_models(full=True)))
    assert "model.onnx" in {sibling.rfilename for sibling in full.siblings}
    assert full.sha == api.model_info(full.id).sha


def check_errors(api: HfApi, name: str, about: dict) -> None:
    raises(RepositoryNotFoundError, lambda: api.model_info("alpha/nothing"))
    raises(RepositoryNotFoundError, lambda: api.model_info("Org/Not_One_Of_Ours"))
    raises(RepositoryNotFoundError, lambda: snapshot_download("nothing"))
    raises(RepositoryNotFoundError, lambda: api.list_repo_refs("nothing"))
    for revision in ("99", "9.9.9", "some-branch", "0" * 40):
        raises(RevisionNotFoundError, lambda: api.model_info(name, revision=revision))
        raises(RevisionNotFoundError, lambda: hf_hub_download(name, "model.onnx", revision=revision))
        assert not api.revision_exists(name, revision)
    raises(RemoteEntryNotFoundError, lambda: hf_hub_download(name, "preprocessor_config.json"))
    raises(RemoteEntryNotFoundError, lambda: list(api.list_repo_tree(name, "nowhere")))
    assert not api.repo_exists("nothing")
    # The hub is read: what the client would write is refused.
    error = raises(HfHubHTTPError, lambda: api.create_tag(name, tag="mine"))
    assert error.response.status_code in (404, 405), error


def check_tokens(name: str) -> None:
    nobody = HfApi(token=False)
    raises(GatedRepoError, lambda: nobody.model_info(name))
    raises(GatedRepoError, lambda: nobody.file_exists(name, "model.onnx"))
    raises(GatedRepoError, lambda: nobody.snapshot_download(name, cache_dir="/nonexistent"))
    wrong = HfApi(token="hub_wrong")
    error = raises(HfHubHTTPError, lambda: wrong.file_exists(name, "model.onnx"))
    assert error.response.status_code == 401 and not isinstance(error, RepositoryNotFoundError), error


def check_command(name: str, about: dict, folder: Path) -> None:
    """The command `hf`, which is installed beside this Python."""
    major = about["main"].split(".")[0]
    command = [Path(sys.executable).with_name("hf"), "download", name, "--revision", major, "--local-dir", folder / name]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    files = about["versions"][about["main"]]["files"]
    found = {path: data for path, data in contents(folder / name).items() if not path.startswith(".cache")}
    assert found == {path: base64.b64decode(text) for path, text in files.items()}


def raises(kind: type, call) -> Exception:
    try:
        found = call()
    except kind as error:
        return error
    raise AssertionError(f"{kind.__name__} did not come, but {found}")


def contents(folder: Path) -> dict:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


assert os.environ["HF_ENDPOINT"].startswith("https://")
main()
