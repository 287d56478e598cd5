#!/bin/bash
# Two daemons in two network namespaces, joined by a pair of virtual links whose packets are dropped
# for a while in both directions, without a word to either end. Shows that both are back within ten
# seconds after the path is.
#
#   run.sh DHT_NODE DHT_CLI [RUNS [SECONDS_DOWN [FIRST]]]
#
# Run number r takes the r-th combination of: whose key is smaller, data under way or idle, a node or
# a client at the far end, and whether that one stays, is killed and starts again meanwhile, or is
# killed and comes back at another address while packets of its old one are still dropped, as a laptop
# does that changes networks. Exits with 77 (skipped) where namespaces or nftables are not to be had.
set -u
node=$(realpath "$1") cli=$(realpath "$2") runs=${3:-24} down=${4:-12} first=${5:-0}
limit=10
declare -A address=([near]=10.99.0.1 [far]=10.99.0.2) pid=()
# shellcheck source=tests/e2e/dead_path/spaces.sh disable=SC1091,SC2154
. "$(dirname "$0")/spaces.sh"

path() { # path down|up: of the address that the far end has at first
  case $1 in
    down)
      ip netns exec "$near" nft add rule inet path in ip saddr 10.99.0.2 drop
      ip netns exec "$near" nft add rule inet path out ip daddr 10.99.0.2 drop
      ;;
    up) ip netns exec "$near" nft 'flush chain inet path in; flush chain inet path out' ;;
  esac
}

# The far end has this address and no other from now on.
far_is() {
  address[far]=$1
  ip -n "$far" addr flush dev veth-far
  ip -n "$far" addr add "$1/24" dev veth-far
}
# start SIDE: runs the daemon of that side, with its data directory.
start() {
  local side=$1 options=(--listen "${address[$1]}:4280")
  if [ "$side" = far ]; then
    [ "$kind" = node ] || options=(--client)
    options+=(--bootstrap 10.99.0.1:4280)
  fi
  : >"$dir/$side.out"
  ip netns exec "${space[$side]}" "$node" --network path \
    --data-dir "$dir/$side" "${options[@]}" >"$dir/$side.out" 2>>"$dir/$side.log" &
  pid[$side]=$!
  pids+=($!)
  until grep -q ^ready "$dir/$side.out"; do
    kill -0 "$!" 2>/dev/null || return 1
    pause 0.05
  done
}
# works SIDE WANTED: a set through that side's daemon reaches so many replicas.
works() {
  "$cli" --data-dir "$dir/$1" --timeout 1s --json set alive yes 2>/dev/null |
    grep -q "\"durable\":$2[,}]"
}
both_work() { works near "$replicas" && works far "$replicas"; }
now() { date +%s%N; }
# until_works MILLISECONDS: waits until both do, and says after how many milliseconds, or fails.
until_works() {
  local begin elapsed
  begin=$(now)
  while :; do
    both_work && break
    elapsed=$((($(now) - begin) / 1000000))
    [ $elapsed -lt "$1" ] || return 1
    pause 0.1
  done
  echo $((($(now) - begin) / 1000000))
}

failed=0
for ((run = first; run < first + runs; run++)); do
  smaller=near traffic=idle kind=node again=stays
  [ $((run & 1)) = 0 ] || smaller=far
  [ $((run & 2)) = 0 ] || traffic=busy
  [ $((run & 4)) = 0 ] || kind=client
  case $((run / 8 % 3)) in
    1) again=restarts ;;
    2) again=moves ;;
  esac
  far_is 10.99.0.2
  [ $kind = node ] && replicas=2 || replicas=1
  rm -rf "$dir/near" "$dir/far"
  mkdir "$dir/near" "$dir/far"
  for side in near far; do "$cli" key new "$dir/$side/identity.key" >/dev/null || exit 1; done
  low=near
  [[ $("$cli" key show "$dir/near/identity.key") < \
    $("$cli" key show "$dir/far/identity.key") ]] || low=far
  if [ $low != $smaller ]; then
    mv "$dir/near" "$dir/other" && mv "$dir/far" "$dir/near" && mv "$dir/other" "$dir/far"
  fi
  start near && start far || exit 1
  until_works 20000 >/dev/null || { echo "run $run: never worked"; exit 1; }
  path down
  if [ $traffic = busy ]; then
    for side in near far; do
      "$cli" --data-dir "$dir/$side" --timeout 3s set lost "$side" >/dev/null 2>&1 &
      pids+=($!)
    done
  fi
  begin=$(now)
  if [ $again != stays ]; then
    kill -KILL "${pid[far]}"
    wait "${pid[far]}" 2>/dev/null
  fi
  if [ $again = moves ]; then
    far_is 10.99.0.3
    start far || exit 1
  else
    [ $again = stays ] || start far || exit 1
    # The path is down for a stated time; nothing tells when a daemon has noticed that.
    while [ $((($(now) - begin) / 1000000000)) -lt "$down" ]; do pause 0.1; done
    path up
  fi
  if took=$(until_works $((limit * 1000))); then
    echo "run $run: smaller key $smaller, $traffic, $kind $again: back after $took ms"
  else
    echo "run $run: smaller key $smaller, $traffic, $kind $again: NOT back after $limit s"
    failed=$((failed + 1))
  fi
  path up
  kill -KILL "${pid[near]}" "${pid[far]}" 2>/dev/null
  wait "${pid[near]}" "${pid[far]}" 2>/dev/null
done
echo "$((runs - failed)) of $runs were back within $limit s of the path"
[ $failed = 0 ]
