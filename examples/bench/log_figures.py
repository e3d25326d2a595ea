"""Measures what the log costs its readers, in a hub that run.sh has set up, and prints each figure with its goal.

    log_figures.py audit WORLD ENTRIES       the log has ENTRIES; the first call leaves its times for the second
    log_figures.py monitor WORLD BARE_LOOP   the log's files are in WORLD/log-files
    log_figures.py publishing WORLD          what the bench of hub-server printed is in WORLD/publishing.{slow,out}
"""

import json
import shutil
import statistics
import sys
from pathlib import Path

from figures import Member, run, say

RELEASE = "everyday-objects@1"
TIMES = 9
ROUNDS = 3


def main() -> None:
    command, world = sys.argv[1], Path(sys.argv[2])
    # Not the same member: who runs the monitor has its memory read by every audit.
    auditor, watcher = (Member(world / f"members/{name}", world / f"projects/{name}") for name in ("gamma", "beta"))
    if command == "audit":
        audit(auditor, world / "audits.json", int(sys.argv[3]))
    elif command == "monitor":
        monitor(watcher, world, sys.argv[3])
    else:
        publishing(world / "publishing.slow", "made to take 5 ms for a sync")
        publishing(world / "publishing.out", "of this machine")


def audit(member: Member, earlier: Path, entries: int) -> None:
    """`hub audit` of a release from a machine that has seen the log when it was shorter, and its time without the network."""
    shutil.rmtree(member.home / "cache/log", ignore_errors=True)
    costs = [contact(member, entries) for _ in range(TIMES)]
    first = costs[0]
    seconds = statistics.median(cost["seconds"] - cost["waited_seconds"] for cost in costs)
    if not earlier.exists():
        earlier.write_text(json.dumps(seconds))
        return
    before = json.loads(earlier.read_text())
    requests, size = first["requests"] - 1, first["received_bytes"] / 1024
    say(f"hub audit in a log of {entries:,} entries", f"{requests} requests", requests <= 12, "at most 12 beside the statement")
    say("  received, the statement among it", f"{size:.1f} KiB", size <= 64, "at most 64 KiB beside the statement")
    say("  time without the network", f"{seconds * 1000:.1f} ms")
    say("  in a log of 10,000", f"{before * 1000:.1f} ms")
    say("  ratio", f"{seconds / before:.2f}×", seconds <= 2 * before, "at most 2×")


def contact(member: Member, entries: int) -> dict:
    answer = json.loads(member.hub("audit", RELEASE).output)
    if answer["log"]["size"] != entries:
        raise SystemExit(f"the log has {answer['log']['size']} entries, not {entries}")
    return answer["contact"]


def monitor(member: Member, world: Path, bare_loop: str) -> None:
    """`hub audit --monitor` on the log's files, and a loop that hashes the same bytes and checks the same signatures."""
    files = world / "log-files"
    (key,) = (world / "members/alpha/keys").glob("default.pub*")
    ours, bare = [], []
    for _ in range(ROUNDS):
        shutil.rmtree(member.home / "monitor", ignore_errors=True)
        done = member.hub("audit", "--monitor", "--tiles", files, "--offline", "--member", "beta")
        summary = json.loads(done.output.splitlines()[-1])
        ours.append(summary["new_entries"] / summary["seconds"])
        bare.append(float(run([bare_loop, str(files), str(key)]).output))
    hub, loop = statistics.median(ours), statistics.median(bare)
    say("hub audit --monitor, 100,000 entries on the disk", f"{hub:,.0f} entries/s")
    say("  hashing and checking signatures alone, every core", f"{loop:,.0f} entries/s")
    say("  ratio", f"{hub / loop:.2f}×", hub / loop >= 0.5, "at least 0.5×")


def publishing(printed: Path, disk: str) -> None:
    """Where a sync costs nothing there is nothing to share: then the goal is missed."""
    figures = dict(line.rsplit(None, 1) for line in printed.read_text().splitlines() if line[-1:].isdigit())
    figures = {what.strip(): float(figure) for what, figure in figures.items()}
    single = figures["single commits a second, one connection"]
    say(f"statements a second, 16 clients, a disk {disk}", f"{figures['statements a second, 16 clients']:.0f}")
    say("  single commits a second on the same disk", f"{single:.0f}")
    ratio = figures["statements a second, 16 clients"] / single
    say("  ratio", f"{ratio:.1f}×", ratio >= 3, "at least 3×")


if __name__ == "__main__":
    main()
