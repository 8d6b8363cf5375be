# What the scripts of rounds share: a program, a landing folder that gets months of the sample, and what its tables say. To be sourced.
program=$(realpath "$1")
work=$(mktemp -d) && trap 'rm -rf "$work"' EXIT
export XDG_DATA_HOME=$work/data XDG_CONFIG_HOME=$work/config
"$program" -q sample --out "$work/all" --months 2
mkdir -p "$work/config/feederscope" && cp -r "$work/all/utilities" "$work/config/feederscope/"

arguments=(-q --lake "$work/lake" --landing "$work/landing" --today 2022-10-20)
feederscope() { "$program" "${arguments[@]}" "$@"; }
# What the tables say; a run id and a time are another one in each run.
answers() {
  feederscope feeders --format csv
  feederscope diff --format csv
  feederscope nulls --format csv
  feederscope rejected --format csv
  feederscope check --month 2022-10 --format csv || true
}
files_of() { find "$work/all/landing" -path "*$1*" -name '*.csv' -printf '%P\n'; }
land() { for file in $(files_of "$1"); do mkdir -p "$work/landing/$(dirname "$file")" && cp -p "$work/all/landing/$file" "$work/landing/$file"; done; }
# Whoever stops the rounds knows how many there were.
tell() { (($1 % 50)) || echo "round $1: $bad with a difference so far"; }
