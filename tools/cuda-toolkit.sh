#!/usr/bin/env bash
# Sees to NVIDIA's compiler and prints the folder it is in: CUDA_PATH's where that is set, else one made of PyPI's wheels.
#
# Neither a GPU nor its driver is needed. What the driver would bring, libcuda.so.1, is stood in for by a library to link
# against, whose functions do nothing; the machine that runs the result has the real one.
set -euo pipefail
cd "$(dirname "$0")/.."
. tools/env.sh

if [ -n "${CUDA_PATH:-}" ]; then
    [ -x "$CUDA_PATH/bin/nvcc" ] || { echo "error: CUDA_PATH is $CUDA_PATH, where there is no bin/nvcc" >&2; exit 1; }
    echo "$CUDA_PATH"
    exit 0
fi

# CCCL stays at 13.0.85: a later one includes <cuda.h>, and finds risc0's header of that name.
version=13.0.88
wheels="nvidia-cuda-nvcc==13.0.88 nvidia-cuda-crt==13.0.88 nvidia-nvvm==13.0.88 nvidia-cuda-runtime==13.0.96 nvidia-cuda-cccl==13.0.85"
# Made anew where this file has changed.
toolkit="$ZKHOST_CACHE/cuda-$version-$(sha256sum <tools/cuda-toolkit.sh | cut -c1-8)"
if [ ! -e "$toolkit/lib64" ]; then
    mkdir -p "$ZKHOST_CACHE"
    work=$(mktemp -d "$toolkit.XXXXXX")
    trap 'rm -rf "$work"' EXIT
    # shellcheck disable=SC2086 # a list of words
    .venv/bin/pip install --quiet --disable-pip-version-check --no-deps --target "$work" $wheels >&2
    made="$work/nvidia/cu13"
    mkdir -p "$made/lib/stubs"
    # Every function of the header: a library that defines nothing that is asked for is dropped by the linker.
    echo '#include <cuda.h>' | ${CC:-cc} -E -I "$made/include" - | grep -oE '\bcu[A-Z][A-Za-z0-9_]* *\(' | tr -d ' (' | sort -u |
        sed 's/.*/void &(void) {}/' |
        ${CC:-cc} -shared -nostdlib -w -Wl,-soname,libcuda.so.1 -x c - -o "$made/lib/stubs/libcuda.so"
    ln -s lib "$made/lib64"
    rm -rf "$toolkit"
    mv "$made" "$toolkit"
fi
echo "$toolkit"
