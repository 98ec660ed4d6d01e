#!/usr/bin/env bash
# Builds risc0's own r0vm in this workspace and puts it where `zkhost` looks for it.
set -euo pipefail
cd "$(dirname "$0")/.."
. tools/env.sh
target="$(.venv/bin/python -c 'from zkhost.provers.r0vm import own_path; print(own_path())')"
cargo build --release --locked --package zkhost-r0vm
mkdir -p "$(dirname "$target")"
# A running server keeps its old file: replace by rename, never in place.
cp "$CARGO_TARGET_DIR/release/r0vm" "$target.$$"
mv "$target.$$" "$target"
"$target" --version
