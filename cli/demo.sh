#!/bin/sh
# demo.sh BUILD_DIR [--keep]: eight nodes on this machine; see dht-demo/main.cc.
set -eu
build=$1
shift
exec "$build/cli/dht-demo" "$@"
