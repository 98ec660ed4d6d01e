# The build environment, sourced by the Makefile's recipes and the other tools. Sets only what the caller left unset.
#
#   ZKHOST_CACHE      where built things live outside the checkout   (default: ~/.cache/zkhost)
#   ZKHOST_CPU        "native-v3" or "plain"                         (default: v3 where the CPU has x86-64-v3)
#
# A checkout on another path, or a later one, reuses everything that does not depend on its own sources.

ZKHOST_CACHE="${ZKHOST_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/zkhost}"
export ZKHOST_CACHE

# risc0's C++ kernels: clang builds them in 8 minutes where g++ takes over 30.
if command -v clang >/dev/null 2>&1 && command -v clang++ >/dev/null 2>&1; then
    export CC="${CC:-clang}" CXX="${CXX:-clang++}"
fi

has_x86_64_v3() {
    [ "$(uname -m)" = x86_64 ] && [ -r /proc/cpuinfo ] || return 1
    for flag in avx2 bmi1 bmi2 fma f16c movbe abm; do
        grep -qw "$flag" /proc/cpuinfo || return 1
    done
}

if [ -z "${ZKHOST_CPU:-}" ]; then
    if has_x86_64_v3; then ZKHOST_CPU=v3; else ZKHOST_CPU=plain; fi
fi
if [ "$ZKHOST_CPU" = v3 ]; then
    # The prover is some 10 % faster with these; AVX-512 (-march=native) would take clang hours to compile.
    export CFLAGS="${CFLAGS:--march=x86-64-v3}" CXXFLAGS="${CXXFLAGS:--march=x86-64-v3}"
    export RUSTFLAGS="${RUSTFLAGS:--C target-cpu=x86-64-v3}"
fi
export ZKHOST_CPU

# A folder for each set of the flags above, and for each version of what the wrapper that .cargo/config.toml names compiles:
# cargo looks at neither the wrapper nor the sources that it adds. A RUSTC_WRAPPER, empty or not, takes that one's place. And
# where flags change, risc0's build scripts run again on what they left, and that of the recursion takes its own empty archive
# (see below) for a damaged one.
if [ -n "${RUSTC_WRAPPER+set}" ]; then
    ZKHOST_BUILD="$ZKHOST_CPU"
else
    ZKHOST_BUILD="$ZKHOST_CPU-$("$(dirname "${BASH_SOURCE[0]}")/../rust-shim/zkp/rustc.sh" --digest)"
fi
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$ZKHOST_CACHE/build/target-$ZKHOST_BUILD}"

# Succinct and groth16 receipts need risc0's recursion programs (60 MB), which tools/recursion.sh fetches once.
# Without them everything else works; DOCS_RS=1 is how risc0's build script is told to go on.
if [ -z "${RECURSION_SRC_PATH:-}" ] && [ -f "$ZKHOST_CACHE/recursion_zkr.zip" ]; then
    export RECURSION_SRC_PATH="$ZKHOST_CACHE/recursion_zkr.zip"
fi
if [ -z "${RECURSION_SRC_PATH:-}" ]; then
    export DOCS_RS=1
fi
