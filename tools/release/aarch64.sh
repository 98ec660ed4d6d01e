#!/usr/bin/env bash
# aarch64.sh [FOLDER]: builds the wheel of zkhost-verify for aarch64 from its sdist in FOLDER (default: dist), into it,
# as tools/aarch64.sh cross-compiles, and verifies receipts with it under qemu-user.
set -euo pipefail
dist="$(realpath -m "${1:-dist}")"
cd "$(dirname "$0")/../.."
. tools/aarch64.sh
python="$PWD/.venv/bin/python" maturin="$PWD/.venv/bin/maturin"
sources="$ZKHOST_CACHE/build/zkhost-verify" site="$aarch64_cache/site"

"$python" -c 'import sys; from pathlib import Path; from tools.release.verify_only import unpack; unpack(*map(Path, sys.argv[1:]))' \
    "$dist"/zkhost_verify-*.tar.gz "$sources"
rm -rf "$dist"/zkhost_verify-*aarch64.whl "$aarch64_cache/wheel"
"$python" -m zipfile --extract "$dist"/zkhost_verify-*"$(uname -m)".whl "$aarch64_cache/wheel"
export ZKHOST_BUNDLED_GUESTS="$aarch64_cache/wheel/zkhost/methods/data"
(
    PATH="$PWD/.venv/bin:$PATH"
    cd "$sources"
    "$maturin" build --target "$aarch64_target" --out "$dist"
)

wheel=$(ls "$dist"/zkhost_verify-*aarch64.whl)
rm -rf "$site"
platforms=(--platform manylinux_2_28_aarch64 --platform manylinux_2_17_aarch64 --platform manylinux2014_aarch64)
tag=${wheel##*-none-}
for each in $(tr . ' ' <<<"${tag%.whl}"); do platforms+=(--platform "$each"); done
"$python" -m pip install --quiet --disable-pip-version-check --target "$site" --python-version "$aarch64_python" \
    --only-binary :all: "${platforms[@]}" "$wheel[ml]"
verify=(tools/release/verification.py tests/unit/receipt/factors.bincode examples/digits.onnx)
echo "under qemu-user:"
PYTHONPATH="$site" PYTHONDONTWRITEBYTECODE=1 qemu-aarch64 -L "$aarch64_root" "$aarch64_root/usr/bin/python$aarch64_python" "${verify[@]}" | tee "$aarch64_cache/verified"
"$python" "${verify[@]}" | diff "$aarch64_cache/verified" - && echo "the same as on $(uname -m)"
