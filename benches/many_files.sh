#!/usr/bin/env bash
# What many small files cost: so many of one record each, fifty in each month of one dataset, in one run; nothing new after it; the same
# files as they come back from a backup, with other change times; one file more. Processor seconds, seconds and kilobytes at most.
# usage: benches/many_files.sh [FILES]   (needs GNU time and Python)
set -euo pipefail
cd "$(dirname "$0")/.."
files="${1:-3000}"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cargo build --release --quiet
program="${CARGO_TARGET_DIR:-target}/release/feederscope"
python3 - ../shared/real/utility2_install_der.csv "$work/landing" "$files" <<'PYTHON'
import csv
import os
import sys

source, landing, files = sys.argv[1], sys.argv[2], int(sys.argv[3])
with open(source, encoding="utf-8-sig", newline="") as text:
    header, *records = csv.reader(text)
# One more waits beside the landing folder.
for number in range(files + 1):
    # Not after the day of the run: what is of a later month is refused.
    month = 2022 * 12 + 9 - number // 50
    label = f"{month // 12}-{month % 12 + 1:02}"
    folder = f"{landing}/utility2/{label}" if number < files else f"{landing}.more"
    os.makedirs(folder, exist_ok=True)
    with open(f"{folder}/utility2_install_der_{number:05}.csv", "w", newline="") as target:
        csv.writer(target, lineterminator="\n").writerows([header, records[number % len(records)]])
PYTHON
measure() {
    local name="$1"
    shift
    # 3 says that rules fail.
    /usr/bin/time -f "$name %U+%S processor s, %e s, %M KB" -o "$work/time" "$program" --lake "$work/lake" --landing "$work/landing" "$@" \
        >/dev/null 2>&1 || [ $? -eq 3 ]
    tail -n 1 "$work/time"
}
measure "$files files               " run
measure "nothing new               " run
cp -rp "$work/landing" "$work/again"
rm -r "$work/landing"
mv "$work/again" "$work/landing"
measure "all of them from a backup " run
mv "$work/landing.more"/* "$work/landing/utility2/2022-10/"
measure "one file more             " run
