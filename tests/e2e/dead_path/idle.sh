#!/bin/bash
# Two daemons in two network namespaces with an idle connection between them. When its first keepalive
# is about to be sent, packets are dropped both ways for three seconds. Shows that the connection
# survives: of five keepalives some are answered.
#
#   idle.sh DHT_NODE DHT_CLI
#
# Exits with 77 (skipped) where namespaces or nftables are not to be had.
set -u
node=$(realpath "$1") cli=$(realpath "$2")
declare -A address=([near]=10.99.1.1 [far]=10.99.1.2)
# shellcheck source=tests/e2e/dead_path/spaces.sh disable=SC1091,SC2154
. "$(dirname "$0")/spaces.sh"

start() { # start SIDE OPTION...
  local side=$1
  shift
  ip netns exec "${space[$side]}" "$node" --network path --data-dir "$dir/$side" "$@" \
    >"$dir/$side.out" 2>"$dir/$side.log" &
  pids+=($!)
  until grep -q ^ready "$dir/$side.out" 2>/dev/null; do
    kill -0 "${pids[-1]}" 2>/dev/null || exit 1
    pause 0.05
  done
}
start near --listen 10.99.1.1:4280
start far --listen 10.99.1.2:4280 --bootstrap 10.99.1.1:4280
until "$cli" --data-dir "$dir/near" --json set alive yes 2>/dev/null | grep -q '"durable":2[,}]'; do
  pause 0.1
done
connections() { ip netns exec "$near" ss -Htno state established | awk '{print $3, $4}' | sort; }
dead() { "$cli" --data-dir "$dir/$1" --json status | grep -o '"connections_dead":[0-9]*'; }

# A connection that was heard nothing on for 14 seconds: the first keepalive is sent after 15.
begin=$SECONDS
until ip netns exec "$near" ss -Htin state established | grep -Eq 'lastack:14[0-9]{3}'; do
  [ $((SECONDS - begin)) -lt 120 ] || { echo "no connection was ever idle for long" && exit 1; }
  pause 0.1
done
before=$(connections)
ip netns exec "$near" nft 'add rule inet path in drop; add rule inet path out drop'
begin=$(date +%s%N)
while [ $((($(date +%s%N) - begin) / 1000000)) -lt 3000 ]; do pause 0.1; done
ip netns exec "$near" nft 'flush chain inet path in; flush chain inet path out'
# Whoever was to be given up would have been by then.
until ! ip netns exec "$near" ss -Htno state established | grep -q 'timer:(keepalive,[^,]*,[1-9]'; do
  pause 0.1
done
for side in near far; do
  [ "$(dead $side)" = '"connections_dead":0' ] || {
    echo "$side gave a connection up: $(dead $side); before: $before; now: $(connections)"
    exit 1
  }
done
echo "the idle connection outlived an interruption of three seconds"
