#!/bin/bash
# Changes one line after the other of a copy of the sources, and sees whether the unit, model or
# world tests notice: they fail, crash, or take far longer than without the change. What does not
# compile does not count. Prints a line a change, and in the end those that nothing noticed.
#
#   run.sh MUTATE TREE WORK [N [SEED]]
#
# MUTATE is the program of main.cc, TREE the source tree, which is only read; everything is made in
# WORK. N changes (20) are tried, in the order of SEED (1). What came out is in WORK/results-SEED, a
# line each, and is not tried again: to try a change again, say after a test was written for it,
# delete its line.
set -euo pipefail
mutate=$(realpath "$1") tree=$(realpath "$2") work=$3 wanted=${4:-20} seed=${5:-1}
[[ $wanted =~ ^[0-9]+$ && $seed =~ ^[0-9]+$ ]] || {
  echo "run.sh: N and SEED must be numbers, not '$wanted' and '$seed'" >&2
  exit 2
}
mkdir -p "$work"
work=$(realpath "$work")
source=$work/source build=$work/build results=$work/results-$seed log=$work/log
touch "$results"
exec 9>"$work/lock"
flock -n 9 || {
  echo "run.sh: another run works in $work; wait for it or stop it" >&2
  exit 1
}

# Makes the copy like the tree, and keeps the times of what is the same. Says what it changed.
copy() {
  (cd "$tree" && git ls-files -co --exclude-standard) | while read -r file; do
    [ -f "$tree/$file" ] || continue
    cmp -s "$tree/$file" "$source/$file" && continue
    mkdir -p "$source/$(dirname "$file")"
    cp "$tree/$file" "$source/$file"
    echo "$file"
  done
  find "$source" -type f -printf '%P\n' 2>/dev/null | while read -r file; do
    [ -e "$tree/$file" ] && continue
    rm "$source/$file"
    echo "$file"
  done
}

# make TARGET
make() { cmake --build "$build" --target "$1" >"$log" 2>&1; }

# try LIMIT TESTS DOCTEST-ARGUMENTS...: whether they pass, within so many seconds.
try() {
  local limit=$1 program=$build/tests/$2
  shift 2
  # What allocates without end is stopped too.
  (ulimit -v 4000000 && cd "$build" && exec timeout -k 5 "$limit" "$program" --abort-after=1 --minimal "$@") \
    >>"$log" 2>&1
}

# try_world LIMIT: in two halves at once.
try_world() {
  local half=$((($("$build/tests/world_tests" --count | grep -o '[0-9]*$') + 1) / 2)) first ok=0
  try "$1" world_tests --last="$half" &
  first=$!
  try "$1" world_tests --first=$((half + 1)) || ok=1
  wait "$first" || ok=1
  return $ok
}

# noticed_by ROOM: which tests notice the change in that room; its own are asked first.
noticed_by() {
  local own="*/unit/$1_*"
  make unit_tests || { echo "the compiler"; return; }
  try "${limit[unit]}" unit_tests --source-file="$own" || { echo "unit tests of $1"; return; }
  try "${limit[unit]}" unit_tests --source-file-exclude="$own" || { echo "unit tests"; return; }
  make model_tests || { echo "the compiler"; return; }
  try "${limit[model]}" model_tests || { echo "model tests"; return; }
  make world_tests || { echo "the compiler"; return; }
  try_world "${limit[world]}" || { echo "world tests"; return; }
  echo nothing
}

declare -A limit
# measure KIND COMMAND...: what may take how long, since machines differ and are busy.
measure() {
  local kind=$1 begin=$SECONDS
  shift
  "$@" || {
    echo "run.sh: the $kind tests fail without any change: see $log" >&2
    exit 1
  }
  limit[$kind]=$((60 + 4 * (SECONDS - begin)))
}

differences=$(copy)
if [ -n "$differences" ] || [ ! -s "$work/limits" ]; then
  echo "building the tests of $tree in $work" >&2
  rm -f "$work/limits"
  # Quick to compile, and quick enough to run; what a change leaves unused is no error.
  if ! cmake -G Ninja -S "$source" -B "$build" -DCMAKE_BUILD_TYPE= \
    -DCMAKE_CXX_FLAGS="-O1 -w -D_GLIBCXX_ASSERTIONS" -DKADMOS_BUILD_PROGRAMS=OFF \
    -DCMAKE_CXX_COMPILER_LAUNCHER="$(command -v ccache || :)" >"$log" 2>&1 ||
    ! make unit_tests || ! make model_tests || ! make world_tests; then
    echo "run.sh: building $build failed: see $log" >&2
    exit 1
  fi
  measure unit try 3600 unit_tests
  measure model try 3600 model_tests
  measure world try_world 3600
  declare -p limit >"$work/limits"
fi
# shellcheck source=/dev/null
. "$work/limits"

tried=0 survivors=()
for ((i = 1; tried < wanted; ++i)); do
  change=$("$mutate" "$source" "$seed" "$i") || {
    [ $? -eq 3 ] && break
    exit 1
  }
  IFS=$'\t' read -r file kind before after _ line <<<"$change"
  by=$(name=${change%$'\t'*} awk -F '\t' '
    { by = $1; sub(/^[^\t]*\t/, ""); sub(/\t[0-9]+$/, "") }
    $0 == ENVIRON["name"] { print by; exit }' "$results")
  if [ -z "$by" ]; then
    room=${file#src/}
    by=$(noticed_by "${room%%/*}")
    printf '%s\t%s\n' "$by" "$change" >>"$results"
    [ "$by" = "the compiler" ] || printf '%-22s %s:%s: %s: %s\n' "$by" "$file" "$line" "$kind" "$before"
  fi
  # Not moved, or it would be older than what was built of the change.
  cp "$source/$file.before" "$source/$file"
  rm "$source/$file.before"
  [ "$by" != "the compiler" ] || continue
  tried=$((tried + 1))
  [ "$by" != nothing ] || survivors+=("$file:$line: $kind"$'\n'"- $before"$'\n'"+ $after")
done

survived=${#survivors[@]}
[ "$survived" -eq 0 ] || printf '%s\n' "" "${survivors[@]}"
[ "$tried" -eq 0 ] || printf '%d of %d changes were noticed (%d %%)\n' $((tried - survived)) \
  "$tried" $((100 * (tried - survived) / tried))
