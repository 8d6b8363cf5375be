#!/usr/bin/env bash
# The same month loaded by feederscope and by DuckDB, and the rules once more, whole processes in turn: seconds and kilobytes at
# most.
# usage: benches/beside_duckdb.sh [K]   (K copies of the public month; needs GNU time, Python and its duckdb package)
set -euo pipefail
cd "$(dirname "$0")/.."
k="${1:-1}"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cargo build --release --quiet
program="${CARGO_TARGET_DIR:-target}/release/feederscope"
python3 ../shared/bench/scale.py ../shared/real "$work/landing" "$k" >/dev/null
measure() {
    local name="$1"
    shift
    # 3 says that rules fail, as they do in the public month.
    /usr/bin/time -f "$name %e s %M KB" -o "$work/time" "$@" >/dev/null 2>&1 || [ $? -eq 3 ]
    tail -n 1 "$work/time"
}
measure "feederscope K=$k" "$program" --lake "$work/lake" --landing "$work/landing" run
measure "check       K=$k" "$program" --lake "$work/lake" --landing "$work/landing" check
measure "duckdb      K=$k" python3 ../shared/bench/peers.py duckdb "$work/landing" "$work/duckdb"
