"""Measures what the hub serves, in a world that run.sh has set up, beside nginx and Debian's docker-registry in the same run.

    hub_figures.py downloads WORLD ADDRESS SERVER_PROCESS   100 MiB to eight clients at once, and to nginx's
    hub_figures.py resolving WORLD ADDRESS                  `everyday-objects@1`, and a manifest of docker-registry
    hub_figures.py fill WORLD                               99,999 more extractors in the catalogue of a stopped hub
    hub_figures.py catalogue WORLD ADDRESS                  resolving again, and searching among them
    hub_figures.py copy WORLD                               the same extractors as lines for PostgreSQL's `psql`
    hub_figures.py searching WORLD ADDRESS NAME             searching alone

All use the hub's own certificate, and nobody needs a token.
"""

import contextlib
import hashlib
import json
import random
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from figures import peak_of, run, say

CLIENTS = 8
ROUNDS = 5
CONNECTIONS = 16
SECONDS = 5
EXTRACTORS = 100_000
RELEASE = "/api/v1/extractors/_/everyday-objects/releases/1"
MANIFEST = "/v2/plain/manifests/v1"
MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
WORDS = "animal bright cat city cloud coast dark desert dog face fish flower forest fruit glass house leaf letter lake light map " \
    "metal metre moon night office paper park passport person plant plate river road rock sand scan ship sky snow stamp star " \
    "stone street table text tile tool tower train tree wall water wave wheel winter wood word".split()


def main() -> None:
    command, world, *rest = sys.argv[1], Path(sys.argv[2]), *sys.argv[3:]
    if command == "downloads":
        downloads(world, rest[0], int(rest[1]))
    elif command == "resolving":
        resolving(world, rest[0])
    elif command == "fill":
        fill(world / "hub/hub.sqlite")
    elif command == "copy":
        copy(world / "hub/hub.sqlite")
    elif command == "searching":
        searching(rest[0], rest[1])
    else:
        catalogue(world, rest[0])


def downloads(world: Path, address: str, server: int) -> None:
    """Eight clients at once fetch 100 MiB, of the hub and of nginx in turn; each client throws it away."""
    path = "/api/v1/extractors/alpha/large/releases/1.0.0/files/ballast.txt"
    with nginx(world, world / "projects/alpha/large") as theirs:
        urls = {"hub": f"https://{address}{path}", "nginx": f"https://{theirs}/ballast.txt"}
        seconds = {who: [fetched(url) for _ in range(ROUNDS)] for who, url in [*urls.items()] * 2}
    hub, usual = statistics.median(seconds["hub"]), statistics.median(seconds["nginx"])
    rate = CLIENTS * 100
    say(f"100 MiB to {CLIENTS} clients at once", f"{rate / hub:,.0f} MiB/s")
    say("  nginx with the same file and certificate", f"{rate / usual:,.0f} MiB/s")
    say("  ratio", f"{usual / hub:.2f}×", usual / hub >= 0.9, "at least 0.9×")
    say("  peak memory of hub-server", f"{peak_of(server):.0f} MiB", peak_of(server) < 100, "under 100 MiB")


def fetched(url: str) -> float:
    command = ["curl", "--silent", "--fail", "--insecure", "--output", "/dev/null", url]
    began = time.perf_counter()
    clients = [subprocess.Popen(command) for _ in range(CLIENTS)]
    if any(client.wait() for client in clients):
        raise SystemExit(f"curl could not fetch {url}")
    return time.perf_counter() - began


def resolving(world: Path, address: str) -> None:
    """Requests a second on kept connections, and how long one takes at half of that."""
    hub = f"https://{address}{RELEASE}"
    tag = etag(hub)
    with registry(world) as theirs:
        manifest = f"https://{theirs}{MANIFEST}"
        accept = ("--header", f"accept: {MANIFEST_TYPE}")
        rates = {"hub": [], "unchanged": [], "registry": []}
        for _ in range(ROUNDS):
            rates["hub"].append(load(hub).rate)
            rates["unchanged"].append(load(hub, "--header", f"if-none-match: {tag}").rate)
            rates["registry"].append(load(manifest, *accept).rate)
    ours, unchanged, usual = (statistics.median(rates[who]) for who in ("hub", "unchanged", "registry"))
    say("resolving a reference", f"{ours:,.0f} requests/s")
    say("  the same when the client has the answer (304)", f"{unchanged:,.0f} requests/s")
    say("  docker-registry, a manifest", f"{usual:,.0f} requests/s")
    say("  ratio", f"{ours / usual:.1f}×", ours / usual >= 5, "at least 5×")
    half = load(hub, rate=ours / 2)
    say(f"  99 of 100 requests at {half.rate:,.0f} a second within", f"{half.p99_ms:.1f} ms", half.p99_ms < 20, "under 20 ms")
    (world / "resolving.json").write_text(json.dumps(ours))


def catalogue(world: Path, address: str) -> None:
    before = json.loads((world / "resolving.json").read_text())
    now = statistics.median(load(f"https://{address}{RELEASE}").rate for _ in range(ROUNDS))
    say(f"resolving beside {EXTRACTORS:,} extractors", f"{now:,.0f} requests/s")
    say("  of what it was beside a few", f"{now / before:.0%}", now / before >= 0.7, "at least 70 %")
    searching(address, "SQLite")


def searching(address: str, database: str) -> None:
    random.seed(1)
    queries = [" ".join(random.sample(WORDS, 1 + number % 3)) for number in range(100)]
    for what, path in (("searching", "/api/v1/extractors?limit=20&q={}"), ("a page of search results", "/?q={}")):
        urls = [f"https://{address}{path.format(query.replace(' ', '+'))}" for query in [*queries, "nowhere", "alpha"]]
        took = load(*urls, connections=2)
        say(f"{what} among {EXTRACTORS:,} ({database}), 99 of 100 within", f"{took.p99_ms:.1f} ms", took.p99_ms < 50, "under 50 ms")


class Load:
    """What h2load says of a run: answers a second, and the time within which 99 of 100 came."""

    def __init__(self, log: str, seconds: float) -> None:
        answers = [line.split("\t") for line in log.splitlines()]
        wrong = [status for _, status, _ in answers if status not in ("200", "304")]
        if wrong or not answers:
            raise SystemExit(f"{len(wrong)} of {len(answers)} requests failed: {wrong[:3]}")
        self.rate = len(answers) / seconds
        self.p99_ms = sorted(int(took) for _, _, took in answers)[len(answers) * 99 // 100] / 1000


def load(*urls_and_options: str, rate: float | None = None, connections: int = CONNECTIONS) -> Load:
    with tempfile.NamedTemporaryFile("r") as log:
        command = ["h2load", "--h1", "--threads", "1", "--clients", str(connections), "--duration", str(SECONDS),
                   "--warm-up-time", "1", "--log-file", log.name]
        if rate is not None:
            command += ["--rps", str(max(1, round(rate / connections)))]
        run([*command, *urls_and_options])
        return Load(log.read(), SECONDS)


def etag(url: str) -> str:
    import ssl
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with urllib.request.urlopen(url, context=context) as answer:
        return answer.headers["etag"]


@contextlib.contextmanager
def nginx(world: Path, folder: Path):
    port, home = free_port(), world / "nginx"
    home.mkdir()
    certificate, key = certificate_of(world)
    (home / "nginx.conf").write_text(f"""
        daemon off; worker_processes auto; pid {home}/pid; error_log stderr warn;
        {"user root;" if Path.home() == Path("/root") else ""}
        events {{ worker_connections 1024; }}
        http {{
          access_log off; sendfile on; client_body_temp_path {home}/body; proxy_temp_path {home}/proxy;
          fastcgi_temp_path {home}/fastcgi; uwsgi_temp_path {home}/uwsgi; scgi_temp_path {home}/scgi;
          server {{
            listen 127.0.0.1:{port} ssl; root {folder};
            ssl_certificate {certificate}; ssl_certificate_key {key};
          }}
        }}""")
    with server(["/usr/sbin/nginx", "-c", str(home / "nginx.conf"), "-p", str(home)], port, home / "out") as address:
        yield address


@contextlib.contextmanager
def registry(world: Path):
    """docker-registry with one small image, pushed by its own protocol."""
    port, home = free_port(), world / "registry"
    home.mkdir()
    certificate, key = certificate_of(world)
    (home / "config.yml").write_text(json.dumps({
        "version": "0.1", "log": {"level": "error", "accesslog": {"disabled": True}},
        "storage": {"filesystem": {"rootdirectory": str(home / "data")}, "cache": {"blobdescriptor": "inmemory"}},
        "http": {"addr": f"127.0.0.1:{port}", "tls": {"certificate": str(certificate), "key": str(key)}}}))
    with server(["docker-registry", "serve", str(home / "config.yml")], port, home / "out") as address:
        push(f"https://{address}", home)
        yield address


def push(base: str, home: Path) -> None:
    blobs = {name: content for name, content in (("config", b"{}"), ("layer", b"a layer"))}
    described = {}
    for name, content in blobs.items():
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        described[name] = {"mediaType": "application/octet-stream", "digest": digest, "size": len(content)}
        (home / name).write_bytes(content)
        begun = run(["curl", "-skf", "-X", "POST", "-o", "/dev/null", "-w", "%header{location}", f"{base}/v2/plain/blobs/uploads/"]).output
        run(["curl", "-skf", "-X", "PUT", "--data-binary", f"@{home / name}", "-H", "content-type: application/octet-stream",
             f"{begun}&digest={digest}"])
    manifest = {"schemaVersion": 2, "mediaType": MANIFEST_TYPE, "config": described["config"], "layers": [described["layer"]]}
    (home / "manifest").write_text(json.dumps(manifest))
    run(["curl", "-skf", "-X", "PUT", "--data-binary", f"@{home / 'manifest'}", "-H", f"content-type: {MANIFEST_TYPE}", base + MANIFEST])


@contextlib.contextmanager
def server(command: list[str], port: int, output: Path):
    with output.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out)
    try:
        for _ in range(100):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                break
            if process.poll() is not None:
                raise SystemExit(f"{command[0]} ended: {output.read_text()}")
            time.sleep(0.1)
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def certificate_of(world: Path) -> tuple[Path, Path]:
    """The certificate that the hub made for itself, and its key."""
    files = {line: path for path in (world / "hub/tls").iterdir() for line in path.read_text().splitlines()[:1]}
    return next(path for line, path in files.items() if "CERTIFICATE" in line), next(path for line, path in files.items() if "KEY" in line)


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def fill(database: Path) -> None:
    """Rows like those of a release that is there, under other names, with words of their own, each at an entry of the log."""
    random.seed(0)
    with contextlib.closing(sqlite3.connect(database)) as connection:
        connection.row_factory = sqlite3.Row
        model = dict(connection.execute("SELECT * FROM releases WHERE name = 'alpha/plain'").fetchone())
        taken = {row[0] for row in connection.execute("SELECT log_index FROM releases")}
        indexes = (index for index in range(10**9) if index not in taken)
        here = connection.execute("SELECT count(*) FROM extractors").fetchone()[0]
        extractor = dict(connection.execute("SELECT * FROM extractors WHERE name = 'alpha/plain'").fetchone())
        for number in range(EXTRACTORS - here):
            name, summary = f"alpha/filler-{number}", " ".join(random.sample(WORDS, 6))
            digest = f"sha256:{hashlib.sha256(name.encode()).hexdigest()}"
            row = model | {"statement": digest, "name": name, "summary": summary, "search_text": f"{name} {summary}",
                           "log_index": next(indexes)}
            insert(connection, "releases", row)
            insert(connection, "extractors", extractor | {"name": name})
        connection.commit()


def copy(database: Path) -> None:
    """What `fill` made, for `psql`: in PostgreSQL's text format. Without places in the log, which is short there: a search
    shows nothing that lies beyond it."""
    with contextlib.closing(sqlite3.connect(database)) as connection:
        connection.row_factory = sqlite3.Row
        for table in ("releases", "extractors"):
            rows = connection.execute(f"SELECT * FROM {table} WHERE name LIKE 'alpha/filler-%'")
            print(f"COPY {table} ({', '.join(column[0] for column in rows.description)}) FROM STDIN;")
            for row in rows:
                print("\t".join(as_text(row[name] if name != "log_index" else None) for name in row.keys()))
            print("\\.")


def as_text(value) -> str:
    if value is None:
        return "\\N"
    if isinstance(value, bytes):
        return "\\\\x" + value.hex()
    escapes = {"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"}
    return "".join(escapes.get(character, character) for character in str(value))


def insert(connection: sqlite3.Connection, table: str, row: dict) -> None:
    columns = ", ".join(row)
    connection.execute(f"INSERT INTO {table} ({columns}) VALUES ({', '.join('?' * len(row))})", list(row.values()))


if __name__ == "__main__":
    main()
