#!/usr/bin/env bash
# aarch64.sh [FOLDER]: builds the wheel of zkhost-verify for aarch64 from its sdist in FOLDER (default: dist), into it,
# with Debian's toolchain, and verifies receipts with it under qemu-user. What Debian has for arm64 is unpacked into the
# cache, never installed: the standard library of its rustc, and a Python.
set -euo pipefail
dist="$(realpath -m "${1:-dist}")"
cd "$(dirname "$0")/../.."
export ZKHOST_CPU=plain
. tools/env.sh
target=aarch64-unknown-linux-gnu
checkout="$PWD" python="$PWD/.venv/bin/python" maturin="$PWD/.venv/bin/maturin"
cache="$ZKHOST_CACHE/aarch64" sources="$ZKHOST_CACHE/build/zkhost-verify"
root="$cache/root" site="$cache/site"

missing=()
for tool in aarch64-linux-gnu-gcc:gcc-aarch64-linux-gnu qemu-aarch64:qemu-user /usr/bin/rustc:rustc-web /usr/bin/cargo:cargo-web; do
    command -v "${tool%%:*}" >/dev/null || missing+=("${tool##*:}")
done
if [ ${#missing[@]} -gt 0 ]; then
    echo "error: these packages are missing: sudo apt-get install ${missing[*]}" >&2
    exit 1
fi

# Debian's packages for arm64 by apt lists of our own: the system's are for its own architecture.
export APT_CONFIG="$cache/apt.conf"
mkdir -p "$cache"/{lists/partial,archives/partial,debs} "$root"
cat >"$APT_CONFIG" <<CONF
APT::Architectures { "$(dpkg --print-architecture)"; "arm64"; };
Dir::State::lists "$cache/lists";
Dir::Cache "$cache";
Acquire::Languages "none";
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
CONF
release=$(/usr/bin/python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])')
version=$(dpkg-query --show --showformat '${Version}' rustc-web)
packages=("libstd-rust-web-dev:arm64=$version")
for name in libc6 libgcc-s1 zlib1g libexpat1 libffi8 libssl3 libbz2-1.0 liblzma5 libuuid1 libsqlite3-0 libstdc++6 \
    "python$release-minimal" "libpython$release-minimal" "libpython$release-stdlib"; do
    packages+=("$name:arm64")
done
if [ "$(cat "$cache/unpacked" 2>/dev/null)" != "${packages[*]}" ]; then
    apt-get update -qq
    rm -rf "$cache"/debs/* "$root"
    (cd "$cache/debs" && apt-get download -qq "${packages[@]}")
    for deb in "$cache"/debs/*.deb; do dpkg-deb --extract "$deb" "$root"; done
    echo "${packages[*]}" >"$cache/unpacked"
fi

"$python" -c 'import sys; from pathlib import Path; from tools.release.verify_only import unpack; unpack(*map(Path, sys.argv[1:]))' \
    "$dist"/zkhost_verify-*.tar.gz "$sources"
rm -rf "$dist"/zkhost_verify-*aarch64.whl "$cache/wheel"
"$python" -m zipfile --extract "$dist"/zkhost_verify-*"$(uname -m)".whl "$cache/wheel"
export ZKHOST_BUNDLED_GUESTS="$cache/wheel/zkhost/methods/data"
(
    cd "$sources"
    export PATH="$checkout/.venv/bin:/usr/bin:$PATH" CARGO_TARGET_DIR="$ZKHOST_CACHE/build/target-aarch64"
    export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc
    export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUSTFLAGS="--sysroot $root/usr"
    "$maturin" build --target "$target" --out "$dist"
)

wheel=$(ls "$dist"/zkhost_verify-*aarch64.whl)
rm -rf "$site"
platforms=(--platform manylinux_2_28_aarch64 --platform manylinux_2_17_aarch64 --platform manylinux2014_aarch64)
tag=${wheel##*-none-}
for each in $(tr . ' ' <<<"${tag%.whl}"); do platforms+=(--platform "$each"); done
"$python" -m pip install --quiet --disable-pip-version-check --target "$site" --python-version "$release" \
    --only-binary :all: "${platforms[@]}" "$wheel[ml]"
verify=(tools/release/verification.py tests/unit/receipt/factors.bincode examples/digits.onnx)
echo "under qemu-user:"
cd "$checkout"
PYTHONPATH="$site" PYTHONDONTWRITEBYTECODE=1 qemu-aarch64 -L "$root" "$root/usr/bin/python$release" "${verify[@]}" | tee "$cache/verified"
"$python" "${verify[@]}" | diff "$cache/verified" - && echo "the same as on $(uname -m)"
