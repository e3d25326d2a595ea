"""Shows that the hub of the demo holds releases and nothing of what members keep to themselves.

    show_what_the_hub_holds.py DEMO

Reads the hub's own folder and access log, as its operator can. Exit status 1 when a file of the hub is not a file of a
release, when a member's picture, head or label is found there, or when somebody but the publisher sent it anything.
"""

import hashlib
import json
import sys
from collections import Counter
from pathlib import Path

SENDING = {"PUT", "POST", "PATCH", "DELETE"}


def main() -> int:
    demo = Path(sys.argv[1])
    held = sorted(path for path in (demo / "hub").rglob("*") if path.is_file())
    released = {digest(path): path.relative_to(demo / "projects/alpha")
                for folder in (demo / "projects/alpha").glob("*-[0-9]*") for path in folder.rglob("*") if path.is_file()}
    private = private_files(demo)
    strangers = [path for path in held if "blobs" in path.parts and digest(path) not in released]
    leaked = find_leaks(held, private)
    print(f"the hub's folder holds {len(held)} files:")
    for path in held:
        name = released.get(digest(path))
        place = path.relative_to(demo / "hub")
        shown = f"{str(place)[:28]}…" if len(str(place)) > 29 else place
        print(f"    {shown!s:30} {path.stat().st_size:>10,} bytes  {name or ''}")
    print(f"blobs that are no file of a release: {len(strangers)}")
    print(f"{len(private)} pictures, feature files and heads of the members were looked for in them: {len(leaked)} found")
    senders = show_journal(demo / "hub.log")
    intruders = {member for member in senders if member != "alpha"}
    for problem, found in (("unknown blob", strangers), ("leaked", leaked), ("sent by", intruders)):
        for one in found:
            print(f"PROBLEM, {problem}: {one}", file=sys.stderr)
    return 1 if strangers or leaked or intruders else 0


def private_files(demo: Path) -> dict[str, Path]:
    """By digest: the members' pictures, and what they made of them."""
    pictures = [path for part in ("labelled", "unseen") for path in demo.glob(f"projects/*/{part}/**/*")]
    made = [path for folder in ("heads", "cache") for path in demo.glob(f"members/*/{folder}/**/*")]
    files = [path for path in pictures + made if path.is_file() and path.stat().st_size > 0]
    if not any("heads" in path.parts for path in files):
        raise SystemExit("no head was found under members/*/heads: the comparison would prove nothing")
    return {digest(path): path for path in files}


def find_leaks(held: list[Path], private: dict[str, Path]) -> list[Path]:
    """The private files whose bytes are in the hub's folder, as a file of their own or within another."""
    whole = {digest(path) for path in held}
    contents = [path.read_bytes() for path in held]
    return [path for key, path in private.items()
            if key in whole or any(middle(path) in content for content in contents)]


def middle(path: Path) -> bytes:
    """Some bytes from the middle of a file, enough to know it by."""
    content = path.read_bytes()
    return content[len(content) // 2:][:64] if len(content) >= 256 else content


def show_journal(log: Path) -> set[str]:
    """Prints who asked the hub for what, and returns who sent it anything."""
    counts, senders = Counter(), set()
    for line in log.read_text().splitlines():
        entry = json.loads(line) if line.startswith("{") else {}
        if entry.get("target") != "journal":
            continue
        member = entry.get("member") or "nobody"
        counts[member, entry["method"], entry["action"], entry["status"]] += 1
        if entry["method"] in SENDING:
            senders.add(member)
    if not counts:
        raise SystemExit(f"{log} has no line of the access journal: the comparison would prove nothing")
    print("its access journal: who asked for what, and how often")
    for (member, method, action, status), count in sorted(counts.items()):
        print(f"    {member:8} {method:5} {action:14} {status}  ×{count}")
    return senders


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


if __name__ == "__main__":
    sys.exit(main())
