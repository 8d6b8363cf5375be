#!/usr/bin/env bash
# Rounds of `kill -9` at a random moment of a load, each followed by a run that must end in the tables of an undisturbed one:
#   benches/kill.sh PROGRAM [ROUNDS]
# Prints how many rounds lost or doubled something; exit code 1 if any did.
set -euo pipefail
. "$(dirname "$0")/rounds.sh"
rounds=${2:-100}

land 2022-09 && { feederscope run || true; }
cp -a "$work/lake" "$work/first" && land 2022-10
begun=$(date +%s%N) && { feederscope run || true; }
took=$((($(date +%s%N) - begun) / 1000000))
answers > "$work/undisturbed"
bad=0
for round in $(seq "$rounds"); do
  rm -rf "$work/lake" && cp -a "$work/first" "$work/lake"
  # The program itself, and no shell around it.
  "$program" "${arguments[@]}" run > /dev/null 2>&1 & pid=$!
  sleep "$(awk -v ms=$((RANDOM % took)) 'BEGIN { print ms / 1000 }')"
  kill -9 $pid 2> /dev/null || true
  wait $pid 2> /dev/null || true
  feederscope run > /dev/null 2>&1 || true
  orphans=$(feederscope maintain --dry-run --format csv | awk -F, 'NR > 1 { n += $4 } END { print n + 0 }')
  if ! answers | cmp -s - "$work/undisturbed" || [ "$orphans" != 0 ]; then
    bad=$((bad + 1)) && echo "round $round: other tables, or $orphans orphans" >&2
  fi
  tell "$round"
done
echo "$rounds rounds of kill -9 within $took ms: $bad with a difference"
[ "$bad" = 0 ]
