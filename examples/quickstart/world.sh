# shellcheck shell=bash disable=SC2154
# Sourced by demo.sh and ../bench/run.sh: a hub and a consortium of three members on this machine, all under $demo.
# Each member has a HUB_HOME in members/ and a project folder in projects/.
programs=$(realpath -m "${CARGO_TARGET_DIR:-target}")/release
python=${HUB_PYTHON:?run this by make}
runtime=${ORT_DYLIB_PATH:?run this by make}
# The consortium's names that alpha owns.
names=(everyday-objects passport-extractor)
server_process=
witness_processes=()
unset HUB_HOME HUB_REGISTRY HUB_TOKEN HUB_TOKEN_FILE HUB_OFFLINE
export PYTHONDONTWRITEBYTECODE=1 NO_COLOR=1 LC_ALL=C.UTF-8

# Empties $demo, if a run before made it.
start_over() {
    if [ -e "$demo" ] && [ ! -e "$demo/.made-by-make-demo" ] && [ -n "$(ls -A "$demo")" ]; then
        die "$demo holds something else: choose another folder with DEMO_DIR=…"
    fi
    local hub
    hub=$(cat "$demo/hub.pid" 2>/dev/null || true)
    # The number alone may be another program's by now.
    case $(readlink "/proc/${hub:-none}/exe" || true) in
        */hub-server*) die "the hub of the last run is still there: stop it with \`kill $hub\`" ;;
    esac
    [ ! -e "$demo" ] || echo "starting over in $demo"
    rm -rf "$demo"
    mkdir -p "$demo"/{bin,members,projects/{alpha,beta,gamma}}
    touch "$demo/.made-by-make-demo"
    trap stop_hub EXIT
    trap 'exit 130' INT TERM
}

build_programs() {
    begin
    cargo build --release --quiet --workspace --bins
    done_in "built hub and hub-server"
    PATH=$programs:$PATH
}

found_consortium() {
    local member name public_keys=() owned=()
    for name in "${names[@]}"; do owned+=(--own "$name=alpha"); done
    for member in alpha beta gamma; do
        mkdir -p "$demo/members/$member/runtime"
        ln -s "$runtime" "$demo/members/$member/runtime/libonnxruntime.so"
        run "$member" hub keygen
        public_keys+=(--member "$member=$(public_key "$member")")
    done
    run hub hub-server keys --data "$demo/hub"
    local log=(--log "$(hub_key log)")
    if [ "${witnesses:-no}" = yes ]; then
        start_witnesses
        log=(--log-policy "$demo/log.policy")
    fi
    run alpha hub consortium init --name demo-guild "${public_keys[@]}" \
        "${owned[@]}" "${log[@]}" --online-key "$(hub_key online)" --output "$demo/consortium.draft"
    # Two of the three are enough; all sign, so that each has a keyring.
    run alpha hub consortium sign "$demo/consortium.draft" --key default
    run_unseen beta hub consortium sign "$demo/consortium.draft" --key default
    run_unseen gamma hub consortium sign "$demo/consortium.draft" --key default
}

# Each member runs a witness on its own machine; two of the three must have seen what the hub logs.
start_witnesses() {
    local member key address policy="$demo/log.policy"
    printf 'log %s\n' "$(hub_key log)" >"$policy"
    for member in alpha beta gamma; do
        key=$(as "$member" hub witness init --name "$member.example/witness" --json | field key)
        printf '%s$ hub witness init --name %s.example/witness\n' "$member" "$member"
        start_witness "$member" 127.0.0.1:0
        address=$(sed -n 's|^listening *http://||p' "$demo/$member.witness")
        printf 'witness %s %s http://%s\n' "$member" "$key" "$address" >>"$policy"
    done
    printf 'group members 2 alpha beta gamma\nquorum members\n' >>"$policy"
    sed 's/^/    /' "$policy" | cut -c1-110
}

start_witness() { # MEMBER ADDRESS
    printf '%s$ hub witness serve --log %.30s… --listen %s &\n' "$1" "$(hub_key log)" "$2"
    HUB_HOME=$demo/members/$1 hub witness serve --log "$(hub_key log)" --listen "$2" \
        >"$demo/$1.witness" 2>"$demo/$1.witness.log" &
    witness_processes+=($!)
    local tries
    for tries in $(seq 100); do
        ! grep -qs '^listening' "$demo/$1.witness" || return 0
        kill -0 "${witness_processes[-1]}" 2>/dev/null && [ "$tries" -lt 100 ] || break
        sleep 0.1
    done
    die "the witness of $1 did not start: see $demo/$1.witness.log"
}

hub_key() { # log or online
    hub-server keys --data "$demo/hub" | sed -n "s/^$1 //p"
}

public_key() {
    find "$demo/members/$1/keys" -name '*.pub*'
}

start_hub() {
    run hub hub-server init --data "$demo/hub" --root "$demo/consortium.draft" | tee "$demo/init.out"
    fingerprint=$(sed -n 's/^ *first root //p' "$demo/init.out")
    serve_hub 127.0.0.1:0
}

serve_hub() { # ADDRESS OPTION…
    printf 'hub$ hub-server serve --data %s --listen %s --dev-tls &\n' "$(shown "$demo/hub")" "$*"
    hub-server serve --data "$demo/hub" --listen "$@" --dev-tls >"$demo/hub.out" 2>>"$demo/hub.log" &
    server_process=$!
    echo "$server_process" >"$demo/hub.pid"
    local tries
    for tries in $(seq 150); do
        ! grep -q '^listening on ' "$demo/hub.out" || break
        kill -0 "$server_process" 2>/dev/null && [ "$tries" -lt 150 ] || die "the hub did not start: see $demo/hub.log"
        sleep 0.1
    done
    sed 's/^/    /' "$demo/hub.out"
    address=$(sed -n 's|^listening on https://||p' "$demo/hub.out")
    certificate=$(sed -n 's/^certificate //p' "$demo/hub.out")
}

admit_members() {
    local member scope token log_in
    for member in alpha beta gamma; do
        scope=publish
        [ "$member" != beta ] || scope=read # all that pulling needs
        token=$demo/$member.token
        printf 'hub$ hub-server token create --member %s --scope %s\n' "$member" "$scope"
        (umask 077 && hub-server token create --data "$demo/hub" --member "$member" --scope "$scope" \
            >"$token" 2>"$demo/token.err") || die "$(cat "$demo/token.err")"
        if [ "$member" = alpha ]; then
            log_in=run
        else
            log_in=run_unseen # the same answers again
        fi
        $log_in "$member" hub login "https://$address" --token-file "$token" --certificate "$certificate"
        rm -f "$token" "$demo/token.err"
        $log_in "$member" hub trust "$fingerprint"
    done
}

publish() { # folder
    run alpha hub check "$1"
    run alpha hub publish "$1"
}

# Small programs with which a reader goes on: bin/start-hub, bin/alpha, bin/beta, bin/gamma.
write_helpers() {
    local member
    for member in alpha beta gamma; do
        printf '#!/bin/sh\n# hub, as %s. Run it in projects/%s.\nHUB_HOME=%q exec %q "$@"\n' \
            "$member" "$member" "$demo/members/$member" "$programs/hub" >"$demo/bin/$member"
    done
    printf '#!/bin/sh\n# The hub of the demo, at the address its members know. Ctrl-C stops it.\n%s' \
        "echo \$\$ >'$demo/hub.pid'
exec '$programs/hub-server' serve --data '$demo/hub' --listen $address --dev-tls 2>>'$demo/hub.log'
" >"$demo/bin/start-hub"
    [ ${#witness_processes[@]} = 0 ] || {
        printf '#!/bin/sh\n# The three witnesses, at the addresses that the trust root names. Ctrl-C stops them.\n'
        for member in alpha beta gamma; do
            printf 'HUB_HOME=%q %q witness serve --log %q --listen %s &\n' "$demo/members/$member" "$programs/hub" \
                "$(hub_key log)" "$(sed -n 's|^listening *http://||p' "$demo/$member.witness")"
        done
        printf 'wait\n'
    } >"$demo/bin/start-witnesses"
    chmod +x "$demo"/bin/*
}

# run MEMBER COMMAND…: shows the command as that member would type it, and its answer.
run() {
    local member=$1
    shift
    printf '%s$ %s\n' "$member" "$(shown "$*")"
    as "$member" "$@" 2>&1 | shorten | sed 's/^/    /'
}

# run_unseen MEMBER COMMAND…: the same without the answer, unless it fails.
run_unseen() {
    local answer
    printf '%s$ %s\n' "$1" "$(shown "${*:2}")"
    answer=$(as "$@" 2>&1) || die "$answer"
}

# as MEMBER COMMAND…: in the member's project folder, with the member's keys, settings and extractors.
as() {
    local member=$1 folder=$demo
    shift
    [ ! -d "$demo/projects/$member" ] || folder=$demo/projects/$member
    (cd "$folder" && HUB_HOME=$demo/members/$member "$@")
}

field() { "$python" -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]])' "$1"; }
percent() { awk -v share="$1" 'BEGIN { printf "%.0f %%", 100 * share }'; }
shown() { shorten <<<"$*"; }
shorten() { sed -e "s|$demo|DEMO|g" -e "s|$HOME/|~/|g"; }

stop_hub() {
    local witness
    for witness in "${witness_processes[@]}"; do
        kill "$witness" 2>/dev/null || true
    done
    witness_processes=()
    [ -n "$server_process" ] || return 0
    kill "$server_process" 2>/dev/null || true
    wait "$server_process" 2>/dev/null || true
    server_process=
    rm -f "$demo/hub.pid"
}

title() { printf '\n\n━━ %s\n' "$*"; }
die() { printf 'demo: %s\n' "$*" >&2; exit 1; }
begin() { started=$EPOCHREALTIME; }
done_in() { printf '%s (%s s)\n' "$*" "$(seconds_since "$started")"; }
seconds_since() { awk -v a="$1" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.1f", b - a }'; }
