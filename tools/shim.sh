#!/usr/bin/env bash
# Builds the native library in release mode and installs zkhost, editable, into .venv.
set -euo pipefail
cd "$(dirname "$0")/.."
. tools/env.sh
# maturin copies over what is there, and would leave a template's old files.
rm -rf zkhost/_data zkhost/methods/data
VIRTUAL_ENV="$PWD/.venv" PATH="$PWD/.venv/bin:$PATH" .venv/bin/maturin develop --release --locked
