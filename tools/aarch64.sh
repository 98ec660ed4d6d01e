# Cross-compilation for aarch64 with Debian's toolchain, and qemu-user to run what it makes. Sourced with bash, in the checkout.
#
#   aarch64_target    the target's name, for cargo
#   aarch64_root      what Debian has for arm64, unpacked into the cache, never installed: the standard library of its rustc,
#                     the libraries of C and C++, and a Python, whose version is aarch64_python
#
# cargo builds in a folder of its own, and runs the tests that it builds.

missing=()
for tool in aarch64-linux-gnu-g++:g++-aarch64-linux-gnu qemu-aarch64:qemu-user /usr/bin/rustc:rustc-web /usr/bin/cargo:cargo-web; do
    command -v "${tool%%:*}" >/dev/null || missing+=("${tool##*:}")
done
if [ ${#missing[@]} -gt 0 ]; then
    echo "error: these packages are missing: sudo apt-get install ${missing[*]}" >&2
    exit 1
fi

# This CPU's flags are not that one's.
export ZKHOST_CPU=plain
unset CFLAGS CXXFLAGS RUSTFLAGS
. tools/env.sh

aarch64_target=aarch64-unknown-linux-gnu
aarch64_cache="$ZKHOST_CACHE/aarch64"
aarch64_root="$aarch64_cache/root"
aarch64_python=$(/usr/bin/python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])')

packages=("libstd-rust-web-dev:arm64=$(dpkg-query --show --showformat '${Version}' rustc-web)")
for name in libc6 libgcc-s1 zlib1g libexpat1 libffi8 libssl3 libbz2-1.0 liblzma5 libuuid1 libsqlite3-0 libstdc++6 \
    "python$aarch64_python-minimal" "libpython$aarch64_python-minimal" "libpython$aarch64_python-stdlib"; do
    packages+=("$name:arm64")
done
if [ "$(cat "$aarch64_cache/unpacked" 2>/dev/null)" != "${packages[*]}" ]; then
    # By apt lists of our own: the system's are for its own architecture.
    mkdir -p "$aarch64_cache"/{lists/partial,archives/partial,debs}
    cat >"$aarch64_cache/apt.conf" <<CONF
APT::Architectures { "$(dpkg --print-architecture)"; "arm64"; };
Dir::State::lists "$aarch64_cache/lists";
Dir::Cache "$aarch64_cache";
Acquire::Languages "none";
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
CONF
    rm -rf "$aarch64_cache"/debs/* "$aarch64_root"
    mkdir -p "$aarch64_root"
    (
        export APT_CONFIG="$aarch64_cache/apt.conf"
        apt-get update -qq
        cd "$aarch64_cache/debs"
        apt-get download -qq "${packages[@]}"
    )
    for deb in "$aarch64_cache"/debs/*.deb; do dpkg-deb --extract "$deb" "$aarch64_root"; done
    echo "${packages[*]}" >"$aarch64_cache/unpacked"
fi

export PATH="/usr/bin:$PATH" CARGO_TARGET_DIR="$ZKHOST_CACHE/build/target-aarch64-$ZKHOST_BUILD"
export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc
export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUSTFLAGS="--sysroot $aarch64_root/usr"
export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUSTDOCFLAGS="$CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUSTFLAGS"
export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER="qemu-aarch64 -L $aarch64_root"
