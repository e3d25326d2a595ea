"""Measures what a pull moves when an earlier release is installed, in a hub that run.sh has set up.

    delta_figures.py change EXTRACTOR OUT SHARE VERSION     OUT: a copy in which the last SHARE of the weights are others;
                                                            prints how many bytes those are
    delta_figures.py pull WORLD ADDRESS CHANGED             of everyday-objects: 1.0.0 everybody has, 2.0.0 differs from it
                                                            in CHANGED bytes at the end, 3.0.0 in every weight
"""

import json
import re
import shutil
import socket
import statistics
import sys
import tempfile
import threading
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

from figures import Member, say

ROUNDS = 3
NAME = "everyday-objects"


def main() -> None:
    if sys.argv[1] == "change":
        print(change(Path(sys.argv[2]), Path(sys.argv[3]), float(sys.argv[4]), sys.argv[5]))
    else:
        pull(Path(sys.argv[2]), sys.argv[3], int(sys.argv[4]))


def change(extractor: Path, out: Path, share: float, version: str) -> int:
    """Adds a thousandth of noise to the float32 weights that are last in the file, as a little more training would."""
    shutil.copytree(extractor, out)
    manifest = out / "extractor.toml"
    manifest.write_text(re.sub(r'(?m)^version = .*', f'version = "{version}"', manifest.read_text()))
    graph = bytearray((out / "model.onnx").read_bytes())
    tensors = [numpy_helper.to_array(tensor) for tensor in onnx.load(out / "model.onnx").graph.initializer]
    weights = [tensor.tobytes() for tensor in tensors if tensor.dtype == np.float32 and tensor.size >= 16]
    places = sorted((graph.find(bytes_), len(bytes_)) for bytes_ in weights)
    left = int(share * sum(length for _, length in places)) // 4 * 4
    changed, random = left, np.random.default_rng(int(version[0]))
    for start, length in reversed(places):
        taken = min(length, left)
        at = start + length - taken
        floats = np.frombuffer(bytes(graph[at:start + length]), np.float32)
        graph[at:start + length] = (floats * random.normal(1, 1e-3, floats.shape).astype(np.float32)).tobytes()
        left -= taken
    (out / "model.onnx").write_bytes(graph)
    return changed


def pull(world: Path, address: str, changed: int) -> None:
    """Every byte the hub sends is counted: TLS, the log, statements, probes and all."""
    with tempfile.TemporaryDirectory() as scratch:
        relay = Relay(address)
        with_earlier, without = (member_behind(relay, world, Path(scratch) / name, address) for name in ("old", "new"))
        with_earlier.hub("pull", f"{NAME}@1.0.0", "--no-lock")
        part, whole = (measure(member, relay, "2.0.0") for member in (with_earlier, without))
        say(f"hub pull, the last {changed / 1e6:.2f} MB of the weights are others", f"{part.moved / 1e6:.2f} MB moved, {part.seconds:.2f} s")
        say("  the whole release", f"{whole.moved / 1e6:.2f} MB moved, {whole.seconds:.2f} s")
        say("  bytes of files fetched beside the changed ones", f"{part.fetched / changed:.2f}×", part.fetched <= 1.3 * changed, "at most 1.3×")
        say("  all that was moved beside the changed bytes", f"{part.moved / changed:.2f}×", part.moved <= 1.3 * changed, "at most 1.3×")
        part, whole = (measure(member, relay, "3.0.0") for member in (with_earlier, without))
        say("hub pull, every weight is another", f"{part.moved / 1e6:.2f} MB moved, {part.seconds:.2f} s")
        say("  the whole release", f"{whole.moved / 1e6:.2f} MB moved, {whole.seconds:.2f} s")
        cost = part.moved / whole.moved
        say("  cost of having asked", f"{cost:.4f}×", cost <= 1.01, "at most 1.01×")


class Pulls:
    """Of one release, several times."""

    def __init__(self, moved: int, fetched: int, seconds: float):
        self.moved, self.fetched, self.seconds = moved, fetched, seconds


def measure(member: Member, relay: "Relay", version: str) -> Pulls:
    moved, fetched, seconds = [], [], []
    for _ in range(ROUNDS):
        before = relay.moved
        pulled = member.hub("pull", f"{NAME}@{version}", "--no-lock", "--without-probes")
        moved.append(relay.moved - before)
        fetched.append(json.loads(pulled.output)["fetched_bytes"])
        seconds.append(pulled.seconds)
        member.hub("rm", f"{NAME}@{version}")
    return Pulls(max(moved), max(fetched), statistics.median(seconds))


def member_behind(relay: "Relay", world: Path, home: Path, address: str) -> Member:
    """A machine of beta's that has pulled nothing yet and reaches the hub through the relay."""
    shutil.copytree(world / "members/beta", home, ignore=shutil.ignore_patterns("store", "cache"))
    settings = home / "config.toml"
    settings.write_text(settings.read_text().replace(address, relay.address))
    return Member(home, world / "projects/beta")


class Relay:
    """Passes connections on to the hub, and counts what the hub sends."""

    def __init__(self, address: str):
        host, port = address.rsplit(":", 1)
        self.moved = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.accept, args=((host, int(port)),), daemon=True).start()

    def accept(self, hub: tuple[str, int]) -> None:
        while True:
            client = self.listener.accept()[0]
            upstream = socket.create_connection(hub)
            threading.Thread(target=self.pump, args=(client, upstream, False), daemon=True).start()
            threading.Thread(target=self.pump, args=(upstream, client, True), daemon=True).start()

    def pump(self, source: socket.socket, sink: socket.socket, counted: bool) -> None:
        try:
            while piece := source.recv(1 << 18):
                if counted:
                    self.moved += len(piece)
                sink.sendall(piece)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # one of the two has hung up


if __name__ == "__main__":
    main()
