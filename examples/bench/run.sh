#!/usr/bin/env bash
# The figures of `hub embed` and `hub pull`, each beside its alternative in the same run. `make bench` calls this.
# Needs some 4 GB under BENCH_DIR (default target/bench), which is emptied at the end; pictures stay in the cache.
set -euo pipefail
cd "$(dirname "$0")/../.."
demo=$(realpath -m "${BENCH_DIR:-target/bench}")
# shellcheck source=../quickstart/world.sh
. examples/quickstart/world.sh
# Pictures of another generator are other pictures.
pictures=${HUB_DEV_CACHE:?run this by make}/bench-$(sha256sum examples/bench/make_bench_images.py | cut -c1-8)

main() {
    start_over
    build_programs
    begin
    "$python" examples/bench/make_bench_images.py "$pictures/photographs" photographs 200
    "$python" examples/bench/make_bench_images.py "$pictures/small" small 10000
    "$python" examples/extractors/everyday-objects/build.py "$demo/projects/alpha"
    make_heavy_extractor
    done_in "made the pictures and extractors of the figures"
    {
        found_consortium
        start_hub
        admit_members
        publish everyday-objects-1.0.0
        publish heavy
        run beta hub pull everyday-objects@1
    } >"$demo/setup.log" || die "could not set up a hub: see $demo/setup.log"
    (umask 077 && hub-server token create --data "$demo/hub" --member beta >"$demo/token" 2>>"$demo/setup.log")
    "$python" examples/bench/figures.py "$demo" "$pictures" "$address" "$server_process"
    stop_hub
    rm -rf "$demo"
}

# everyday-objects with a file of 1 GiB beside it, of text that does not compress.
make_heavy_extractor() {
    local folder=$demo/projects/alpha/heavy
    cp -r "$demo/projects/alpha/everyday-objects-1.0.0" "$folder"
    sed -i 's|^name = .*|name = "alpha/heavy"|' "$folder/extractor.toml"
    openssl enc -aes-128-ctr -K 00 -iv 00 -nosalt -in /dev/zero 2>/dev/null | base64 -w 127 | head -c 1G \
        >"$folder/ballast.txt" || [ "$(stat -c %s "$folder/ballast.txt")" = $((1 << 30)) ]
}

main "$@"
