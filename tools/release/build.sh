#!/usr/bin/env bash
# build.sh [FOLDER]: builds the distributions into FOLDER (default: dist): sdist and wheel of zkhost, and of
# zkhost-verify, which are made from zkhost's sdist.
set -euo pipefail
dist="$(realpath -m "${1:-dist}")"
cd "$(dirname "$0")/../.."
# For any CPU of this architecture: the prover chooses its vectors when it is loaded.
export ZKHOST_CPU="${ZKHOST_CPU:-plain}"
. tools/env.sh
maturin="$PWD/.venv/bin/maturin" python="$PWD/.venv/bin/python"
verify_only="$ZKHOST_CACHE/build/zkhost-verify"
made=$(mktemp -d)
trap 'rm -rf "$made"' EXIT

mkdir -p "$dist"
rm -f "$dist"/zkhost-* "$dist"/zkhost_verify-*
"$python" -m tools.release.third_party
"$python" -m tools.release.third_party --verify-only --output "$made/THIRD-PARTY.txt"
"$maturin" sdist --out "$dist"
"$maturin" build --release --locked --out "$dist"
"$python" -m tools.release.verify_only "$dist"/zkhost-*.tar.gz "$made/THIRD-PARTY.txt" "$verify_only"
# The guests are built once: both wheels have the same.
"$python" -m zipfile --extract "$dist"/zkhost-*.whl "$made/wheel"
export ZKHOST_BUNDLED_GUESTS="$made/wheel/zkhost/methods/data"
cd "$verify_only"
# Not --locked: an sdist has fewer crates of ours than Cargo.lock names, which cargo takes out, and changes nothing else.
"$maturin" build --out "$dist"
