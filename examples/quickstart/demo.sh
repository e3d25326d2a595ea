#!/usr/bin/env bash
# The whole story on one machine: a hub, a consortium of three members, two extractors, private heads.
# `make demo` calls this. State is left under DEMO_DIR (default target/demo); the last lines say how to go on from there.
set -euo pipefail
repository=$(cd "$(dirname "$0")/../.." && pwd)
cd "$repository"
demo=$(realpath -m "${DEMO_DIR:-target/demo}")
demo_started=$EPOCHREALTIME
witnesses=yes
# shellcheck source=world.sh
. examples/quickstart/world.sh

main() {
    start_over
    title "1. Build the programs, and extractors from published weights"
    build_programs
    build_extractors
    make_pictures
    title "2. Three companies found a consortium, run a witness each, and start a hub"
    found_consortium
    start_hub
    admit_members
    title "3. alpha publishes everyday-objects 1.0.0 and passport-extractor 2.0.0"
    publish everyday-objects-1.0.0
    publish passport-extractor-2.0.0
    title "4. beta pulls passport-extractor@2 and teaches it a rule of its own: can a machine read this document?"
    run beta hub search
    run beta hub pull passport-extractor@2
    run beta hub verify passport-extractor@2
    begin
    run beta hub train machine-readable --extractor passport-extractor@2 --images labelled
    train_seconds=$(seconds_since "$started")
    run beta hub eval machine-readable --images unseen
    title "5. alpha publishes 2.1.0, which adds features of text: beta's head goes on working, a new one is better"
    publish passport-extractor-2.1.0
    run beta hub pull passport-extractor@2 --update
    measure old_on_old beta machine-readable --head-version 1 --extractor passport-extractor@2.0.0
    measure old_on_new beta machine-readable --head-version 1 --extractor passport-extractor@2.1.0
    run beta hub train machine-readable --extractor passport-extractor@2 --images labelled
    measure new_on_new beta machine-readable
    run beta hub predict machine-readable unseen/readable/000.jpg unseen/hidden/001.jpg
    title "6. gamma teaches the same extractor another rule: is this a passport?"
    run gamma hub pull passport-extractor@2
    run gamma hub train passport --extractor passport-extractor@2 --images labelled
    measure gamma_passport gamma passport
    run gamma hub predict passport unseen/passport/000.jpg unseen/other/001.jpg
    if [ -d "$demo/projects/alpha/labelled" ]; then
        title "7. alpha tells birds from mammals with everyday-objects, on real photographs"
        run alpha hub pull everyday-objects@1
        run alpha hub train animals --extractor everyday-objects@1 --images labelled
        measure alpha_animals alpha animals
    fi
    title "8. What the hub got to see"
    "$python" examples/quickstart/show_what_the_hub_holds.py "$demo"
    title "9. gamma tells the others how well it works for it: signed figures, no picture"
    as gamma hub eval passport --images unseen --json >"$demo/projects/gamma/eval.json" 2>>"$demo/hub.log"
    run gamma hub attest passport-extractor@2.1.0 --evaluation eval.json --task "is it a passport? drawn specimens"
    title "10. beta reads the whole log, and asks where its extractor comes from"
    run beta hub audit --monitor
    run beta hub audit passport-extractor@2
    write_helpers
    summary
}

# ── preparing ────────────────────────────────────────────────────────────────────────────────────────────────────────

build_extractors() {
    begin
    local name
    for name in everyday-objects passport-extractor; do
        "$python" "examples/extractors/$name/build.py" "$demo/projects/alpha" | sed "s|^$demo/projects/alpha/|    |"
    done
    done_in "made three ONNX graphs out of the weights of two Python packages"
}

make_pictures() {
    begin
    "$python" examples/quickstart/make_specimens.py "$demo/projects"
    done_in "drew specimen documents for beta and gamma: invented, since real passports are nobody's to publish"
    begin
    local reason status=0
    reason=$("$python" examples/quickstart/fetch_photographs.py "$demo/projects/alpha" 2>&1) || status=$?
    case $status in
        0) done_in "fetched real photographs for alpha (Debian package tuxpaint-stamps-default, GPL-2)" ;;
        3) echo "no real photographs, because $reason: section 7 is left out" ;;
        *) die "could not fetch photographs: $reason" ;;
    esac
}

# measure VARIABLE MEMBER HEAD OPTIONS…: the share of unseen images a head gets right, said and kept.
measure() {
    local variable=$1 member=$2 answer share
    shift 2
    printf '%s$ hub eval %s --images unseen\n' "$member" "$*"
    answer=$(as "$member" hub eval "$@" --images unseen --json)
    share=$(percent "$(field accuracy <<<"$answer")")
    printf '    %s of %s images it never saw, on %s\n' \
        "$share right" "$(field images <<<"$answer")" "$(field extractor <<<"$answer")"
    printf -v "$variable" %s "$share"
}

# ── the end ──────────────────────────────────────────────────────────────────────────────────────────────────────────

summary() {
    local releases
    releases=$(release_line everyday-objects@1.0.0 && release_line passport-extractor@2.0.0 &&
        release_line passport-extractor@2.1.0)
    title "What happened"
    cat <<END
Three companies share a hub. alpha published three releases. The hub cannot change them: whoever pulls checks the
signature, every byte, the graph and the probe vectors before anything is installed. It cannot tell two of them
different things either: what it logs counts when two of the three witnesses have seen it.

$releases

beta and gamma each taught passport-extractor a rule of their own with 20 labelled pictures; beta's first training took
$train_seconds s, all told. On 60 pictures that the heads had never seen:

    beta    can a machine read it?   head of 2.0.0 on 2.0.0   $old_on_old right
                                     the same head on 2.1.0   $old_on_new   the same feature space: it goes on working
                                     a new head on 2.1.0      $new_on_new   2.1.0 has features of text
    gamma   is it a passport?        head of 2.1.0            $gamma_passport
${alpha_animals:+    alpha   bird or mammal?          head of everyday 1.0.0   $alpha_animals   real photographs
}
The documents are drawn specimens, simpler than real ones, and 20 labels are few: another draw of them moves a figure by
some 5 points. Over twenty draws beta's rule came to 77 % with 2.0.0 and 89 % with 2.1.0; the extractors' cards tell more.

No picture, label, feature or head left its owner's folder: section 8 looked for them in all that the hub holds.
All this took $(printf %.0f "$(seconds_since "$demo_started")") seconds.

Go on from here:
    cd $demo/projects/beta
    ../../bin/beta list                                      what beta has installed
    ../../bin/beta predict machine-readable unseen/          needs no hub
    ../../bin/beta label --extractor passport-extractor@2 --images unseen/    a page: name, label, watch, save
    ../../bin/beta label --demo                              the same on pictures that it draws
    ../../bin/beta head export machine-readable --format fused-onnx -o classifier.onnx
    ../../bin/start-witnesses & ../../bin/start-hub &        the hub again, at https://$address
    ../../bin/beta audit                                     is anything known against what is installed?
    ../../bin/gamma doctor                                   how gamma's installation is
With pictures of your own, a folder for each class of them in mine/:
    ../../bin/beta train mine --extractor passport-extractor@2 --images mine/
docs/EXTRACTORS.md tells how to publish an extractor of your own, docs/CLI.md has every command.
END
}

# release_line REF: name, size, what was signed and who signed.
release_line() {
    as alpha hub show "$1" --json | "$python" -c '
import json, sys
release = json.load(sys.stdin)
signers = ", ".join(signer["member"] for signer in release["signers"])
print("    {:26} {:5.1f} MiB   statement {}…   signed by {}".format(
    release["reference"], release["size_bytes"] / 2**20, release["statement"][:19], signers))'
}

main "$@"
