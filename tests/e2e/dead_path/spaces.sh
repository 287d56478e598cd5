# shellcheck shell=bash
# Sourced by the scripts beside it, which set address[near] and address[far]: two network namespaces,
# $near and $far, joined by a pair of virtual links, and on the near end chains `in` and `out` of the
# table `path` for rules that drop packets. Makes $dir; at the end all of it goes, and what is in
# pids[] is killed. Exits with 77 (skipped) where namespaces or nftables are not to be had.
near=kadmos-near-$$ far=kadmos-far-$$
declare -A space=([near]=$near [far]=$far)
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
for side in near far; do
  # shellcheck disable=SC2154 # whoever sources this sets it
  ip -n "${space[$side]}" addr add "${address[$side]}/24" dev veth-$side
  ip -n "${space[$side]}" link set lo up
  ip -n "${space[$side]}" link set veth-$side up
done
# On one end alone: what the other sends is dropped on arrival.
ip netns exec "$near" nft -f - <<'NFT' || skip "nftables does not work here"
table inet path {
  chain in { type filter hook input priority 0; policy accept; }
  chain out { type filter hook output priority 0; policy accept; }
}
NFT
