#!/usr/bin/env bash
# The Rust code that takes anybody's bytes, under AddressSanitizer: the native library by its C ABI (receipts, programs,
# frames) without the prover and its C++, its crates, and zkhost-guest's decoder on this machine.
#
#   ZKHOST_DAMAGED    how many damaged inputs of each kind   (default: 10000)
set -euo pipefail
cd "$(dirname "$0")/.."
. tools/env.sh

host="$(rustc -vV | sed -n 's/^host: //p')"
# Stable toolchains bring the sanitizer's runtime, but take the flag only with this.
export RUSTC_BOOTSTRAP=1
export RUSTFLAGS="-Zsanitizer=address" RISC0_SKIP_BUILD=1
# What risc0 and rayon keep until the process ends is not lost, but looks so.
export ASAN_OPTIONS="${ASAN_OPTIONS:-detect_leaks=0}"
export ZKHOST_DAMAGED="${ZKHOST_DAMAGED:-10000}"

CARGO_TARGET_DIR="$ZKHOST_CACHE/build/target-asan" cargo test --release --locked --quiet --target "$host" \
    --no-default-features \
    -p zkhost-shim -p zkhost-dynamic -p zkhost-guest-profile -p zkhost-guest-build
# Twelve kinds of streams, each in so many.
ZKHOST_DAMAGED="$((ZKHOST_DAMAGED / 5 + 1))" CARGO_TARGET_DIR="$ZKHOST_CACHE/build/target-asan-guest" cargo test --locked --quiet --target "$host" \
    --manifest-path guest-methods/Cargo.toml -p zkhost-guest
