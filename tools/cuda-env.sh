# The environment of builds with CUDA, sourced by tools/cuda.sh: tools/env.sh's, and NVIDIA's compiler.

. tools/env.sh
CUDA_PATH="$(tools/cuda-toolkit.sh)"
# Three crates look for the same folder under three names.
export CUDA_PATH CUDA_ROOT="$CUDA_PATH" CUDA_LIBRARY_PATH="$CUDA_PATH" PATH="$CUDA_PATH/bin:$PATH"
export NVCC_CCBIN="${NVCC_CCBIN:-${CXX:-c++}}"

if [ -z "${ZKHOST_CUDA_ARCH:-}" ]; then
    if nvidia-smi -L >/dev/null 2>&1; then ZKHOST_CUDA_ARCH=native; else ZKHOST_CUDA_ARCH=sm_90; fi
fi
export NVCC_PREPEND_FLAGS="${NVCC_PREPEND_FLAGS:--arch=$ZKHOST_CUDA_ARCH -std=c++17}"

# Of its own: the CPU's build is not compiled again.
export CARGO_TARGET_DIR="$ZKHOST_CACHE/build/target-cuda-$ZKHOST_BUILD"
