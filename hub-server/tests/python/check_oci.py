#!/usr/bin/env python3
"""Reads a hub with oras and the client of CNCF ModelPack; a token is in the environment.

usage: check_oci.py HOST:PORT FOLDER

FOLDER/expected.json: {"releases": [{"name": …, "version": …, "files": {path: base64}, "envelope": base64}], "namespace": …}
"""
import base64
import json
import os
import subprocess
import sys
from pathlib import Path

import oras.client
import requests
from modelpack_client import ModelDescriptor, ModelLayer, ModelPackClient, ModelPackConfig, ModelTechnicalConfig


def main() -> None:
    host, folder = sys.argv[1], Path(sys.argv[2])
    expected = json.loads((folder / "expected.json").read_text())
    for release in expected["releases"]:
        files = {path: base64.b64decode(text) for path, text in release["files"].items()}
        major, minor, _ = release["version"].split(".")
        newest = release["version"] != "2.0.0"
        for tag in [release["version"]] + ([major, f"{major}.{minor}", "latest"] if newest else []):
            check_oras(f"{host}/{release['name']}:{tag}", files, folder / "oras" / release["name"] / tag)
            check_modelpack(f"{host}/{release['name']}:{tag}", release, files, folder / "pack" / release["name"] / tag)
        check_referrers(host, release, folder / "referrers")
    check_command(f"{host}/{expected['releases'][0]['name']}", expected["releases"][0], folder)
    check_push(host, expected["namespace"], folder)
    print(f"{len(expected['releases'])} releases read")


def oras_client() -> oras.client.OrasClient:
    client = oras.client.OrasClient()
    client.auth.set_basic_auth("anybody", os.environ["HUB_TOKEN"])
    return client


def modelpack_client(reference: str) -> ModelPackClient:
    client = ModelPackClient()
    client.login(reference.split("/")[0], username="anybody", password=os.environ["HUB_TOKEN"])
    return client


def read(folder: Path) -> dict:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def check_oras(reference: str, files: dict, folder: Path) -> None:
    client = oras_client()
    client.pull(target=reference, outdir=str(folder))
    assert read(folder) == files, reference
    tags = client.get_tags(reference.rsplit(":", 1)[0])
    assert reference.rsplit(":", 1)[1] in tags, tags


def check_modelpack(reference: str, release: dict, files: dict, folder: Path) -> None:
    pulled = modelpack_client(reference).pull(reference, folder)
    assert read(folder) == files, reference
    about = pulled.config["descriptor"]
    assert (about["name"], about["version"]) == (release["name"], release["version"]), about
    assert pulled.config["config"]["format"] == "onnx"
    assert len(pulled.files) == len(files)


def check_referrers(host: str, release: dict, folder: Path) -> None:
    """What oras has no word for in Python is asked for by hand; the artifacts are pulled by oras."""
    url, auth = f"https://{host}/v2/{release['name']}", ("anybody", os.environ["HUB_TOKEN"])
    digest = requests.head(f"{url}/manifests/{release['version']}", auth=auth).headers["docker-content-digest"]
    kind = {"artifactType": "application/vnd.in-toto+json"}
    index = requests.get(f"{url}/referrers/{digest}", params=kind, auth=auth).json()
    (listed,) = index["manifests"]
    into = folder / release["name"] / release["version"]
    oras_client().pull(target=f"{host}/{release['name']}@{listed['digest']}", outdir=str(into))
    assert read(into) == {"release.dsse.json": base64.b64decode(release["envelope"])}


def check_command(repository: str, release: dict, folder: Path) -> None:
    into = folder / "command"
    line = [sys.executable, "-m", "modelpack_client", "pull", f"{repository}:{release['version']}", str(into)]
    subprocess.run(line, check=True, capture_output=True)
    assert sorted(read(into)) == sorted(release["files"])


def check_push(host: str, namespace: str, folder: Path) -> None:
    """What members may keep beside releases comes back as it went."""
    source = folder / "weights.bin"
    source.write_bytes(bytes(range(256)) * 5000)
    config = ModelPackConfig(ModelDescriptor(name="mine", version="1.0"), ModelTechnicalConfig(format="raw"))
    for number, chunked in enumerate([False, True]):
        reference = f"{host}/{namespace}/mine:{number}"
        modelpack_client(reference).push(reference, [ModelLayer(source)], config, chunked=chunked)
        into = folder / f"mine-{number}"
        modelpack_client(reference).pull(reference, into)
        assert read(into) == {"weights.bin": source.read_bytes()}
    client, reference = oras_client(), f"{host}/{namespace}/by-oras:1"
    client.push(target=reference, files=[str(source)], disable_path_validation=True)
    client.pull(target=reference, outdir=str(folder / "by-oras"))
    assert source.read_bytes() in read(folder / "by-oras").values()
    refused = f"{host}/alpha/squares:7.0.0"
    try:
        modelpack_client(refused).push(refused, [ModelLayer(source)], config)
    except Exception as error:
        assert "405" in str(error) or "hub publish" in str(error), error
    else:
        raise AssertionError("a release was pushed")


if __name__ == "__main__":
    main()
