"""Measures the figures in a hub that run.sh has set up, and prints each beside its alternative of the same run.

    figures.py WORLD PICTURES ADDRESS SERVER_PROCESS [labelling]      the last: of the labelling page alone
"""

import hashlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
ROUNDS = 3


def main() -> None:
    world, pictures, address, server = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], int(sys.argv[4])
    member = Member(world / "members/beta", world / "projects/beta")
    print(f"\n{os.cpu_count()} cores, {cpu_name()}\n")
    if sys.argv[5] == "labelling":
        labelling(member, pictures / "small", pictures / "many")
        return
    embedding(member, world / "projects/alpha/everyday-objects-1.0.0", pictures / "photographs")
    memory(member, pictures / "small")
    pulling(member, world, address, server)
    neighbours(world / "benches/neighbours")


def embedding(member, extractor: Path, photographs: Path) -> None:
    """200 JPEGs of 1600×1200 to 1280 features: `hub embed` and the usual Python, in turn."""
    ours, alone, python, draft = [], [], [], []
    with tempfile.TemporaryDirectory() as scratch:
        for _ in range(ROUNDS):
            ours.append(hub_embed(member, photographs, Path(scratch) / "hub.npy"))
            python.append(baseline(extractor, photographs, "-o", Path(scratch) / "python.npy"))
            alone.append(hub_embed(member, photographs, Path(scratch) / "alone.npy", "--threads", "1"))
            draft.append(baseline(extractor, photographs, "--draft"))
        cosines = row_cosines(np.load(Path(scratch) / "hub.npy"), np.load(Path(scratch) / "python.npy"))
    hub, one, usual = statistics.median(ours), statistics.median(alone), statistics.median(python)
    say("hub embed, 200 JPEGs of 1600×1200", f"{hub:.1f} images/s")
    say("  the Python pipeline (Pillow, onnxruntime)", f"{usual:.1f} images/s")
    say("  ratio", f"{hub / usual:.2f}×", hub / usual >= 2, "at least 2×")
    say("  the Python pipeline with a reducing JPEG decoder", f"{statistics.median(draft):.1f} images/s")
    say("  smallest cosine of the two features of a picture", f"{cosines.min():.6f}", cosines.min() >= 0.9995, "0.9995")
    cores = os.cpu_count()
    share = hub / (one * cores)
    say("  one thread, decoding and inference in turn", f"{one:.1f} images/s")
    say(f"  of what {cores} such threads could do", f"{share:.0%}", share >= 0.9, "at least 90 %")


def memory(member, small: Path) -> None:
    """Peak memory of embedding 1,000 and 10,000 small pictures."""
    peaks = {}
    with tempfile.TemporaryDirectory() as scratch:
        few = Path(scratch) / "few"
        few.mkdir()
        for path in sorted(small.iterdir())[:1000]:
            shutil.copyfile(path, few / path.name)
        for count, folder in ((1000, few), (10_000, small)):
            output = Path(scratch) / "features.npy"
            peaks[count] = member.hub("embed", "everyday-objects@1", folder, "-o", output, "--no-cache").peak_mib
    ratio = peaks[10_000] / peaks[1000]
    say("peak memory of hub embed, 1,000 small pictures", f"{peaks[1000]:.0f} MiB")
    say("  10,000 small pictures", f"{peaks[10_000]:.0f} MiB")
    say("  ratio", f"{ratio:.2f}×", ratio <= 1.3, "at most 1.3×")


def pulling(member, world: Path, address: str, server: int) -> None:
    """A release of 1 GiB over TLS on this machine: `hub pull` and curl piped into sha256sum, in turn."""
    ballast = world / "projects/alpha/heavy/ballast.txt"
    with ballast.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    url = f"https://{address}/v2/alpha/heavy/blobs/sha256:{digest}"
    with tempfile.NamedTemporaryFile("w", suffix=".curl") as settings:
        # In a file, because other users of the machine see arguments.
        settings.write(f'header = "Authorization: Bearer {(world / "token").read_text().strip()}"\n')
        settings.flush()
        curl = f"curl --silent --fail --insecure --config {settings.name} {url} | sha256sum"
        theirs, ours, peak = [], [], 0.0
        for _ in range(ROUNDS):
            done = run(["bash", "-o", "pipefail", "-c", curl])
            if not done.output.startswith(digest):
                raise SystemExit(f"curl got other bytes: {done.output!r}")
            theirs.append(done.seconds)
            pulled = member.hub("pull", "alpha/heavy@1", "--no-lock", "--without-probes")
            ours.append(pulled.seconds)
            peak = max(peak, pulled.peak_mib)
            member.hub("rm", "alpha/heavy@1.0.0")
    hub, usual = statistics.median(ours), statistics.median(theirs)
    say("hub pull, 1 GiB over TLS on this machine", f"{hub:.2f} s, {1024 / hub:.0f} MiB/s")
    say("  curl into sha256sum", f"{usual:.2f} s, {1024 / usual:.0f} MiB/s")
    say("  ratio", f"{usual / hub:.2f}×", usual / hub >= 0.9, "at least 0.9×")
    say("  peak memory of hub", f"{peak:.0f} MiB", peak < 100, "under 100 MiB")
    say("  peak memory of hub-server", f"{peak_of(server):.0f} MiB", peak_of(server) < 100, "under 100 MiB")


def neighbours(bench: Path) -> None:
    """The 10 nearest of 100,000 vectors of 512 numbers to each of 100 others: `Neighbours` and faiss, in turn."""
    random = np.random.default_rng(1)
    rows, queries = (random.standard_normal((count, 512), np.float32) for count in (100_000, 100))
    for vectors in (rows, queries):
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    ours, theirs = [], []
    with tempfile.TemporaryDirectory() as scratch:
        places = [Path(scratch) / name for name in ("rows.npy", "queries.npy")]
        for place, vectors in zip(places, (rows, queries)):
            np.save(place, vectors)
        for _ in range(ROUNDS):
            done = run([str(bench), *map(str, places)])
            answer = json.loads(done.output)
            ours.append(answer["seconds"])
            faiss = json.loads(run([sys.executable, str(HERE / "faiss_baseline.py"), *map(str, places)]).output)
            theirs.append(faiss["seconds"])
    hub, usual = statistics.median(ours), statistics.median(theirs)
    same = np.mean([set(one) == set(other) for one, other in zip(answer["nearest"], faiss["nearest"])])
    say("exact 10 nearest of 100,000 × 512 to 100 queries", f"{hub * 1000:.0f} ms")
    say("  faiss-cpu IndexFlatIP", f"{usual * 1000:.0f} ms")
    say("  ratio", f"{usual / hub:.2f}×", usual >= hub, "at least 1×")
    say("  queries with the same 10", f"{same:.0%}", same >= 0.99, "at least 99 %")


def labelling(member, small: Path, many: Path) -> None:
    """The page of `hub label` with 10,000 and 100,000 pictures that were looked at before, in Chromium."""
    if not Path(os.environ.get("HUB_LABEL_PAGE", "none"), "node_modules").is_dir():
        say("the labelling page", "no browser to measure with")
        return
    for folder, extractor, count, usable, label in (
            (small, "everyday-objects@1", 10_000, 1000, 100), (many, "alpha/plain@1", 100_000, 3000, 400)):
        with tempfile.TemporaryDirectory() as scratch:
            command = ["hub", "label", "--extractor", extractor, "--images", str(folder),
                       "--labels", f"{scratch}/labels.jsonl", "--no-open", "--json"]
            driver = ["node", str(HERE.parents[1] / "hub-client/tests/label/run.mjs"), "speed", *command]
            page = json.loads(run(driver, member.project, {"HUB_HOME": str(member.home)}).output)
        took = page["usable_ms"]
        say(f"the labelling page, {count:,} pictures: `hub label` tells its address after", f"{page['address_ms']} ms")
        say("  opened there, of use after", f"{took} ms", took <= usable, f"at most {usable / 1000:.0f} s")
        for when, times in (("while all is looked at", page["label_ms"]), ("afterwards", page["label_when_all_is_looked_at_ms"])):
            took = times["median"]
            say(f"  key to accuracy and grid, {when}", f"{took} ms", took <= label, f"at most {label} ms")
        for what in ("scrolling", "panning"):
            frames = page[what]
            say(f"  longest of {frames['frames']} frames while {what}", f"{frames['longest_ms']} ms", frames["longest_ms"] <= 50, "at most 50 ms")
        above = page["peak_mib"] - count * 1280 * 4 / 2**20
        say("  peak memory above the features", f"{above:.0f} MiB", above <= 300, "at most 300 MiB")


@dataclass
class Done:
    """A command that has ended."""
    output: str
    seconds: float
    peak_mib: float


@dataclass
class Member:
    """Whose hub it is."""
    home: Path
    project: Path

    def hub(self, *arguments) -> Done:
        return run(["hub", *map(str, arguments), "--json"], self.project, {"HUB_HOME": str(self.home)})


def run(command: list[str], folder: Path | None = None, variables: dict[str, str] | None = None) -> Done:
    """Runs a command to its end; its peak memory is that of its largest process."""
    with tempfile.TemporaryFile() as output:
        start = time.perf_counter()
        process = subprocess.Popen(command, cwd=folder, env=os.environ | (variables or {}), stdout=output)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        text = output.read().decode()
    if process.returncode != 0:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}: {text}")
    return Done(text, seconds, usage.ru_maxrss / 1024)


def hub_embed(member: Member, pictures: Path, output: Path, *options: str) -> float:
    """Images a second, the extractor already open, as the Python pipeline counts."""
    done = member.hub("embed", "everyday-objects@1", pictures, "-o", output, "--no-cache", *options)
    answer = json.loads(done.output)
    counted = answer.get("run", answer)
    return counted["images"] / counted["seconds"]


def baseline(extractor: Path, pictures: Path, *options) -> float:
    done = run([sys.executable, str(HERE / "embed_baseline.py"), str(extractor), str(pictures), *map(str, options)])
    return json.loads(done.output)["images_per_second"]


def row_cosines(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    left, right = left.astype(np.float64), right.astype(np.float64)
    return (left * right).sum(1) / np.linalg.norm(left, axis=1) / np.linalg.norm(right, axis=1)


def say(what: str, figure: str, holds: bool | None = None, goal: str = "") -> None:
    verdict = "" if holds is None else f"{'holds' if holds else 'MISSED'}: {goal}"
    print(f"{what:52} {figure:>22}   {verdict}".rstrip(), flush=True)


def peak_of(process: int) -> float:
    status = Path(f"/proc/{process}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def cpu_name() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), "unknown processor")


if __name__ == "__main__":
    main()
