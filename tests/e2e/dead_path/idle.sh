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
near=kadmos-idle-near-$$ far=kadmos-idle-far-$$
dir=$(mktemp -d)
pids=()
mkfifo "$dir/never"
exec 9<>"$dir/never"
pause() { read -rt "$1" -u 9 || :; }
skip() {
  echo "skipped: $*"
  exit 77
}
cleanup() {
  for pid in "${pids[@]}"; do kill -KILL "$pid" 2>/dev/null; done
  wait 2>/dev/null
  ip netns del "$near" 2>/dev/null
  ip netns del "$far" 2>/dev/null
  rm -rf "$dir"
}
command -v ip >/dev/null || skip "no ip (package iproute2)"
command -v nft >/dev/null || skip "no nft (package nftables)"
ip netns add "$near" 2>/dev/null || skip "no network namespaces"
trap cleanup EXIT
ip netns add "$far" || exit 1
ip -n "$near" link add veth-near type veth peer name veth-far netns "$far" || skip "no veth"
ip -n "$near" addr add 10.99.1.1/24 dev veth-near
ip -n "$far" addr add 10.99.1.2/24 dev veth-far
ip -n "$near" link set veth-near up
ip -n "$far" link set veth-far up
ip netns exec "$near" nft -f - <<'NFT' || skip "nftables does not work here"
table inet path {
  chain in { type filter hook input priority 0; policy accept; }
  chain out { type filter hook output priority 0; policy accept; }
}
NFT
start() { # start NAMESPACE NAME OPTION...
  local space=$1 name=$2
  shift 2
  ip netns exec "$space" "$node" --network path --data-dir "$dir/$name" "$@" \
    >"$dir/$name.out" 2>"$dir/$name.log" &
  pids+=($!)
  until grep -q ^ready "$dir/$name.out" 2>/dev/null; do
    kill -0 "${pids[-1]}" 2>/dev/null || exit 1
    pause 0.05
  done
}
start "$near" near --listen 10.99.1.1:4280
start "$far" far --listen 10.99.1.2:4280 --bootstrap 10.99.1.1:4280
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
