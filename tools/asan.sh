#!/usr/bin/env bash
# The Rust code that takes anybody's bytes or objects, under AddressSanitizer: the native library by its C ABI (receipts,
# programs, frames) without the prover and its C++, its crates, zkhost-guest's decoder on this machine, and the codec's
# native engine under Python, there with a look at leaks too.
#
#   ZKHOST_DAMAGED    how many damaged inputs of each kind   (default: 10000)
set -euo pipefail
cd "$(dirname "$0")/.."
. tools/env.sh

host="$(rustc -vV | sed -n 's/^host: //p')"
target="$ZKHOST_CACHE/build/target-asan"
# Stable toolchains bring the sanitizer's runtime, but take the flag only with this.
export RUSTC_BOOTSTRAP=1
export RUSTFLAGS="-Zsanitizer=address" RISC0_SKIP_BUILD=1
# What risc0 and rayon keep until the process ends is not lost, but looks so.
export ASAN_OPTIONS="${ASAN_OPTIONS:-detect_leaks=0}"
export ZKHOST_DAMAGED="${ZKHOST_DAMAGED:-10000}"

small=(--release --locked --quiet --target "$host" --no-default-features -p zkhost-shim)
CARGO_TARGET_DIR="$target" tools/step.sh "the native library and its crates" \
    cargo test "${small[@]}" -p zkhost-serde-oracle -p zkhost-guest-profile -p zkhost-guest-build

# Twelve kinds of streams, each in so many.
ZKHOST_DAMAGED="$((ZKHOST_DAMAGED / 5 + 1))" CARGO_TARGET_DIR="$target-guest" tools/step.sh "zkhost-guest's decoder" \
    cargo test --locked --quiet --target "$host" --manifest-path guest-methods/Cargo.toml -p zkhost-guest

# The tests find the package beside them, with this library in place of its own.
CARGO_TARGET_DIR="$target" cargo build "${small[@]}" --lib
python="$PWD/.venv/bin/python"
copy="$(mktemp -d)"
trap 'rm -rf "$copy"' EXIT
cp -r --parents zkhost tests/unit/codec tests/property "$copy"
mkdir -p "$copy/zkhost/_native"
cp "$target/$host/release/libzkhost_shim.so" "$copy/zkhost/_native/lib_native.so"
# What Python itself does not free is known by the caller of malloc, the only frame that is kept.
printf 'leak:%s\n' libpython bin/python >"$copy/suppressions"
step="$PWD/tools/step.sh"
cd "$copy"
"$step" "the codec's native engine under Python" \
    env LD_PRELOAD="$(gcc -print-file-name=libasan.so)" PYTHONMALLOC=malloc \
    ASAN_OPTIONS="$ASAN_OPTIONS:detect_leaks=1:malloc_context_size=2" LSAN_OPTIONS="suppressions=$copy/suppressions" \
    "$python" -m pytest -q --capture=sys -p no:zkhost tests/unit/codec/test_native.py tests/property/test_native.py
