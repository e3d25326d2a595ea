"""Prints this project's figures as ratios beside an alternative measured in the same run.

    figures.py --programs target/release --state target/bench [embed] [memory] [pull]
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
ROUNDS = 5
GIBIBYTE = 1 << 30


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--programs", type=Path, required=True)
    arguments.add_argument("--state", type=Path, required=True)
    arguments.add_argument("figures", nargs="*", default=[])
    options = arguments.parse_args()
    state = options.state.resolve()
    state.mkdir(parents=True, exist_ok=True)
    with Hub(options.programs.resolve(), state) as hub:
        for name, figure in FIGURES.items():
            if not options.figures or name in options.figures:
                figure(hub)


class Hub:
    """A hub over TLS with one member, in a folder that is made anew."""

    def __init__(self, programs: Path, state: Path):
        self.programs, self.state = programs, state
        self.home, self.data = state / "home", state / "hub"

    def __enter__(self) -> "Hub":
        for folder in (self.home, self.data, self.state / "project"):
            shutil.rmtree(folder, ignore_errors=True)
        (self.state / "project").mkdir()
        self.run("keygen")
        policy = self.state / "consortium.toml"
        policy.unlink(missing_ok=True)
        made = self.json("consortium", "init", "--name", "bench", "-o", policy, "--own", "everyday-objects=bench",
                         "--member", f"bench={self.home / 'keys/default.pub.pem'}")
        self.server("init", "--data", self.data, "--policy", policy)
        self.process = subprocess.Popen(
            [self.programs / "hub-server", "serve", "--dev-tls", "--listen", "127.0.0.1:0", "--data", self.data],
            stdout=subprocess.PIPE, stderr=(self.state / "server.log").open("w"), text=True)
        certificate = ""
        for line in self.process.stdout:
            if line.startswith("certificate "):
                certificate = line.split()[1]
            if line.startswith("listening on "):
                self.url = line.split()[2]
                break
        self.token = self.server("token", "create", "--data", self.data, "--member", "bench", "--scope", "publish")
        self.run("login", self.url, "--certificate", certificate, token=self.token)
        self.run("trust", made["fingerprint"])
        return self

    def __exit__(self, *_) -> None:
        self.process.terminate()
        self.process.wait()

    def server(self, *arguments) -> str:
        command = [self.programs / "hub-server", *map(str, arguments)]
        return subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout.strip()

    def start(self, *arguments, token: str | None = None) -> subprocess.Popen:
        environment = os.environ | {"HUB_HOME": str(self.home)} | ({"HUB_TOKEN": token} if token else {})
        return subprocess.Popen([self.programs / "hub", *map(str, arguments)], env=environment,
                                cwd=self.state / "project", stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def run(self, *arguments, token: str | None = None) -> tuple[str, float, int]:
        """Standard output, wall-clock seconds, and the largest resident memory in bytes."""
        begin = time.perf_counter()
        process = self.start(*arguments, token=token)
        out, err = process.stdout.read(), process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - begin
        if status != 0:
            sys.exit(f"hub {' '.join(map(str, arguments))}\n{err}")
        return out, seconds, usage.ru_maxrss * 1024

    def json(self, *arguments) -> dict:
        return json.loads(self.run(*arguments, "--json")[0])

    def publish_everyday_objects(self) -> Path:
        folder = self.state / "extractors/everyday-objects-1.0.0"
        if not (folder / "model.onnx").exists():
            build = HERE.parent / "extractors/everyday-objects/build.py"
            subprocess.run([sys.executable, build, folder.parent], check=True, stdout=subprocess.DEVNULL)
        self.run("check", folder)
        self.run("publish", folder)
        self.run("pull", "everyday-objects@1")
        return folder


def pictures(hub: Hub, kind: str, count: int) -> Path:
    folder = hub.state / f"{kind}-{count}"
    subprocess.run([sys.executable, HERE / "make_bench_images.py", folder, kind, str(count)], check=True)
    return folder


def embed(hub: Hub) -> None:
    """`hub embed` against Pillow + onnxruntime, and against what the cores allow."""
    extractor = hub.publish_everyday_objects()
    images = pictures(hub, "photographs", 200)
    ours, alone, theirs = [], [], []
    for _ in range(ROUNDS):
        baseline = subprocess.run(
            [sys.executable, HERE / "embed_baseline.py", extractor, images, "-o", hub.state / "baseline.npy"],
            check=True, stdout=subprocess.PIPE, text=True)
        theirs.append(json.loads(baseline.stdout)["images_per_second"])
        ours.append(rate(hub, images, "2"))
        alone.append(rate(hub, images, "1"))
    expected, found = np.load(hub.state / "baseline.npy"), np.load(hub.state / "project/features.npy")
    cosines = (expected * found).sum(1) / np.linalg.norm(expected, axis=1) / np.linalg.norm(found, axis=1)
    us, them, one = statistics.median(ours), statistics.median(theirs), statistics.median(alone)
    show("embed", f"{us / them:.2f}× the Python pipeline",
         f"{us:.0f} against {them:.0f} images/s (200 JPEGs 1600×1200, EfficientNet-lite0, 2 threads)")
    show("embed", f"{100 * us / (2 * one):.0f} % of what two cores allow", f"one thread alone: {one:.0f} images/s")
    show("embed", f"smallest cosine {cosines.min():.6f}", "features of the two pipelines, image by image")


def rate(hub: Hub, images: Path, threads: str) -> float:
    """Images a second from the first byte read to the last feature, the session already open, as the baseline."""
    report = hub.json("embed", "everyday-objects@1", images, "-o", "features.npy", "--no-cache", "--threads", threads)
    return report["images_per_second"]


def memory(hub: Hub) -> None:
    """Peak memory with ten times the images."""
    hub.publish_everyday_objects()
    peaks = []
    for count in (1_000, 10_000):
        images = pictures(hub, "small", count)
        _, _, peak = hub.run("embed", "everyday-objects@1", images, "-o", "features.parquet", "--no-cache")
        peaks.append(peak)
    show("memory", f"{peaks[1] / peaks[0]:.2f}× for 10,000 images of what 1,000 need",
         f"{peaks[1] / 2**20:.0f} against {peaks[0] / 2**20:.0f} MiB")


def pull(hub: Hub) -> None:
    """`hub pull` of 1 GiB over loopback TLS against curl into sha256sum."""
    folder = hub.state / "extractors/large"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(hub.publish_everyday_objects(), folder)
    manifest = (folder / "extractor.toml").read_text()
    (folder / "extractor.toml").write_text(manifest.replace('"everyday-objects"', '"bench/large"', 1))
    weights = folder / "weights.onnx"
    write_gibibyte(weights)
    hub.run("check", folder)
    _, published, _ = hub.run("publish", folder)
    digest = subprocess.run(["sha256sum", weights], check=True, stdout=subprocess.PIPE, text=True).stdout.split()[0]
    weights.unlink()
    url = f"{hub.url}/v2/bench/large/blobs/sha256:{digest}"
    ours, theirs, peak = [], [], 0
    for _ in range(3):
        begin = time.perf_counter()
        curl = subprocess.run(
            f"curl --silent --show-error --fail --insecure -H 'Authorization: Bearer {hub.token}' {url} | sha256sum",
            shell=True, check=True, stdout=subprocess.PIPE, text=True)
        theirs.append(time.perf_counter() - begin)
        assert curl.stdout.split()[0] == digest
        _, seconds, memory_bytes = hub.run("pull", "bench/large@1", "--no-lock")
        ours.append(seconds)
        peak = max(peak, memory_bytes)
        hub.run("rm", "bench/large@1.0.0")
    status = Path(f"/proc/{hub.process.pid}/status").read_text()
    server_peak = int(status.split("VmHWM:")[1].split()[0]) / 1024
    us, them = min(ours), min(theirs)
    show("pull", f"{them / us:.2f}× the speed of curl | sha256sum",
         f"{us:.2f} against {them:.2f} s for 1 GiB over TLS, verified, probed and on disk")
    show("pull", f"{peak / 2**20:.0f} MiB in the client, {server_peak:.0f} MiB in the server", "peak memory throughout")
    show("publish", f"{1024 / published:.0f} MiB/s", "1 GiB hashed, sent, hashed again and synced")


def write_gibibyte(path: Path) -> None:
    random = np.random.default_rng(1)
    with path.open("wb") as file:
        file.write(b"\x08\x08")  # an ONNX file begins so; nobody runs this one
        for _ in range(64):
            file.write(random.bytes(GIBIBYTE // 64))


def show(figure: str, ratio: str, basis: str) -> None:
    print(f"{figure:8} {ratio:44} {basis}", flush=True)


FIGURES = {"embed": embed, "memory": memory, "pull": pull}

if __name__ == "__main__":
    main()
