#!/usr/bin/env bash
# Builds risc0's own r0vm in this workspace and puts it where `zkhost` looks for it.
set -euo pipefail
cd "$(dirname "$0")/.."
. tools/env.sh
version=$1
cargo build --release --locked --package zkhost-r0vm
mkdir -p "$ZKHOST_CACHE/bin"
# A running server keeps its old file: replace by rename, never in place.
cp "$CARGO_TARGET_DIR/release/r0vm" "$ZKHOST_CACHE/bin/.r0vm-$version.$$"
mv "$ZKHOST_CACHE/bin/.r0vm-$version.$$" "$ZKHOST_CACHE/bin/r0vm-$version"
"$ZKHOST_CACHE/bin/r0vm-$version" --version
