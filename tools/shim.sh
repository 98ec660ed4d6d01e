#!/usr/bin/env bash
# Builds the native library in release mode and installs zkhost, editable, into .venv.
set -euo pipefail
cd "$(dirname "$0")/.."
. tools/env.sh
begun=$(mktemp)
trap 'rm -f "$begun"' EXIT
VIRTUAL_ENV="$PWD/.venv" PATH="$PWD/.venv/bin:$PATH" .venv/bin/maturin develop --release --locked
# maturin copies over what is there, and leaves files that are no longer shipped.
find zkhost/_data zkhost/methods/data -type f ! -newer "$begun" -delete
