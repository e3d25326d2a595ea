#!/usr/bin/env bash
# The figures of this project, each beside a named alternative measured in the same run. BENCH_DIR keeps what is made.
set -euo pipefail
cd "$(dirname "$0")/../.."
cargo build --release --workspace --bins
target=${CARGO_TARGET_DIR:-target}/release
exec "$HUB_PYTHON" examples/bench/figures.py --programs "$target" --state "${BENCH_DIR:-target/bench}" "$@"
