#!/usr/bin/env bash
# Rounds of two processes that load the same month at once, and two that sign for the same rule, while others read:
#   benches/writers.sh PROGRAM [ROUNDS]
# A reader must see each utility's month before or month after, never a part of one; in the end the tables are those of one undisturbed load, and both
# decisions are there. Prints how many rounds lost or doubled something; exit code 1 if any did.
set -euo pipefail
. "$(dirname "$0")/rounds.sh"
rounds=${2:-50}
sign() { feederscope acknowledge refresh-date-recent --utility utility1 --month 2022-09 --until 2022-12-31 --reason "$1"; }
# Rows that the commits of the table of decisions brought.
signed() { { cat "$work"/lake/iedr_dev/ops/acknowledgements/_delta_log/*.json 2> /dev/null || true; } | grep -o 'numRecords[^0-9]*[0-9]*' | tr -dc '0-9\n' | awk '{ n += $1 } END { print n + 0 }'; }

land 2022-09 && { feederscope run || true; }
sign once > /dev/null && each=$(signed)
[ "$each" -gt 0 ]
utilities="utility1 utility2 utility3"
# The feeders of a utility as a reader sees them, and whether they are those of one state.
seen() { for utility in $utilities; do feederscope feeders --utility "$utility" --format csv > "$work/$1.$utility"; done; }
is_whole() { for utility in $utilities; do cmp -s "$work/seen.$utility" "$work/before.$utility" || cmp -s "$work/seen.$utility" "$work/after.$utility" || return 1; done; }
seen before
cp -a "$work/lake" "$work/first" && land 2022-10
feederscope run || true
answers > "$work/undisturbed" && seen after
for utility in $utilities; do ! cmp -s "$work/before.$utility" "$work/after.$utility"; done
bad=0 waited=0
for round in $(seq "$rounds"); do
  rm -rf "$work/lake" && cp -a "$work/first" "$work/lake"
  wrong=""
  feederscope run > /dev/null 2> "$work/one" & one=$!
  feederscope run > /dev/null 2> "$work/two" & two=$!
  sign first > /dev/null & three=$!
  sign second > /dev/null & four=$!
  while kill -0 $one 2> /dev/null || kill -0 $two 2> /dev/null; do
    seen seen && is_whole || wrong="$wrong a reader saw a part;"
  done
  wait $one || true
  wait $two || true
  wait $three || wrong="$wrong a decision failed;"
  wait $four || wrong="$wrong a decision failed;"
  cat "$work/one" "$work/two" | grep -q 'is writing' && waited=$((waited + 1))
  answers | cmp -s - "$work/undisturbed" || wrong="$wrong other tables;"
  [ "$(signed)" = $((3 * each)) ] || wrong="$wrong $(signed) rows of decisions, not $((3 * each));"
  [ -z "$wrong" ] || { bad=$((bad + 1)) && echo "round $round:$wrong" >&2; }
  tell "$round"
done
echo "$rounds rounds of two writers and two who sign, in $waited of them one was told who writes: $bad with a difference"
[ "$bad" = 0 ]
