#!/usr/bin/env bash
# What further months cost: a second month of which 1 % is delivered, then more of them; whole months one by one; the same in one run,
# and a correction of the month twelve before the last. Processor seconds, seconds and kilobytes at most of whole processes.
# usage: benches/further_months.sh [K [CHANGES [WHOLE]]]   (K copies of the public month, so many months of changes only and whole
# ones; needs GNU time and Python, and its duckdb package for the same second month by DuckDB)
set -euo pipefail
cd "$(dirname "$0")/.."
k="${1:-1}" changes="${2:-2}" whole="${3:-12}"
# Sixty months after October 2022 are in the future, and refused, for a while yet.
export FEEDERSCOPE_TODAY=2032-12-31
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cargo build --release --quiet
program="${CARGO_TARGET_DIR:-target}/release/feederscope"
python3 ../shared/bench/scale.py ../shared/real "$work/flat" "$k" >/dev/null
for utility in utility1 utility2; do
    mkdir -p "$work/first/$utility/2022-10"
    mv "$work/flat/${utility}"_*.csv "$work/first/$utility/2022-10/"
done
timed() {
    local name="$1"
    shift
    # 3 says that rules fail, as they do in the public month.
    /usr/bin/time -f "${name//%/%%} %U+%S processor s, %e s, %M KB" -o "$work/time" "$@" >/dev/null 2>&1 || [ $? -eq 3 ]
    tail -n 1 "$work/time"
}
measure() {
    local name="$1"
    shift
    timed "$name" "$program" --lake "$work/lake" --landing "$work/landing" "$@"
}
again() {
    rm -rf "$work/lake" "$work/landing"
    mkdir "$work/landing"
}
look() {
    measure "nothing new                 " run
    measure "status                      " status
    measure "feeders --over-mw 8         " feeders --over-mw 8
    local feeder
    feeder=$("$program" --lake "$work/lake" --landing "$work/landing" feeders --over-mw 8 --limit 1 --format csv | sed -n 2p | cut -d, -f2)
    measure "ders of a feeder            " ders "$feeder"
}
again
cp -rp "$work/first"/. "$work/landing/"
measure "first month                 " run
for number in $(seq 2 "$changes"); do
    month=$(date -d "2022-10-01 +$((number - 1)) months" +%Y-%m)
    python3 ../shared/bench/second_month.py "$work/landing" 2022-10 "$month" 0.01 "$number" >/dev/null
    # Of few feeders none may be among those that change; a file without records would be refused.
    for file in "$work/landing"/*/"$month"/*.csv; do
        [ "$(wc -l <"$file")" -gt 1 ] || rm "$file"
    done
    measure "month $number, 1 % delivered    " run
done
look
if python3 -c 'import duckdb' 2>/dev/null; then
    for month in "first 2022-10" "second 2022-11"; do
        read -r mode label <<<"$month"
        timed "DuckDB, $mode month        " python3 ../shared/bench/duckdb_second_month.py "$mode" "$work/duck.db" \
            "$work/landing" "$label" "$work/duck" || echo "DuckDB could not (its reader guesses the quote of a file)"
    done
fi
[ "$whole" -gt 0 ] || exit 0
again
python3 benches/whole_months.py "$work/first" 2022-10 "$work/whole" "$whole"
for month in "$work/whole"/*; do
    cp -rp "$month"/. "$work/landing/"
    measure "$(basename "$month"), whole              " run
done
look
rm -rf "$work/lake"
measure "$whole whole months in one run" run
if [ "$whole" -gt 12 ]; then
    python3 benches/whole_months.py --correct "$work/landing" "$(basename "$(ls -d "$work/whole"/* | tail -n 13 | head -n 1)")"
    measure "twelve months back, 1 % of it" run
fi
