#!/usr/bin/env bash
# Builds a wheel that proves segments on an NVIDIA GPU, into dist/cuda. No GPU is needed to build it.
#
#   ZKHOST_CUDA_ARCH  the GPU to compile for, as nvcc's -arch: this machine's own, where it has one, else sm_90 (Hopper)
#   CUDA_PATH         an installed CUDA toolkit; without it, one is made of PyPI's wheels (tools/cuda-toolkit.sh)
set -euo pipefail
cd "$(dirname "$0")/.."
. tools/cuda-env.sh
# The driver is not put into the wheel: it is the machine's own.
rm -f dist/cuda/zkhost-*.whl
VIRTUAL_ENV="$PWD/.venv" PATH="$PWD/.venv/bin:$PATH" .venv/bin/maturin build --release --locked --features cuda --auditwheel skip --out dist/cuda
nvidia-smi -L >/dev/null 2>&1 || tools/cuda-check.sh dist/cuda/zkhost-*.whl
