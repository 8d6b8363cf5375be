#!/usr/bin/env bash
# What further months cost: a second month of which 1 % is delivered, a run that finds nothing new, then whole months one by one.
# Processor seconds, seconds and kilobytes at most of whole processes.
# usage: benches/further_months.sh [K [MONTHS]]   (K copies of the public month; needs GNU time and Python)
set -euo pipefail
cd "$(dirname "$0")/.."
k="${1:-1}" months="${2:-12}"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cargo build --release --quiet
program="${CARGO_TARGET_DIR:-target}/release/feederscope"
python3 ../shared/bench/scale.py ../shared/real "$work/flat" "$k" >/dev/null
for utility in utility1 utility2; do
    mkdir -p "$work/first/$utility/2022-10"
    mv "$work/flat/${utility}"_*.csv "$work/first/$utility/2022-10/"
done
cp -rp "$work/first" "$work/landing"
measure() {
    local name="$1"
    shift
    # 3 says that rules fail, as they do in the public month.
    /usr/bin/time -f "$name %U+%S processor s, %e s, %M KB" -o "$work/time" \
        "$program" --lake "$work/lake" --landing "$work/landing" "$@" >/dev/null 2>&1 || [ $? -eq 3 ]
    tail -n 1 "$work/time"
}
measure "first month                 " run
python3 ../shared/bench/second_month.py "$work/landing" 2022-10 2022-11 0.01 >/dev/null
measure "second month, 1 %% delivered" run
measure "nothing new                 " run
rm -rf "$work/lake" "$work/landing"
python3 benches/whole_months.py "$work/first" 2022-10 "$work/whole" "$months"
mkdir "$work/landing"
for month in "$work/whole"/*; do
    cp -rp "$month"/. "$work/landing/"
    measure "$(basename "$month"), whole              " run
done
measure "nothing new                 " run
measure "status                      " status
measure "feeders --over-mw 8         " feeders --over-mw 8
