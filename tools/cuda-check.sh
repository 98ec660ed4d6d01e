#!/usr/bin/env bash
# Loads the library of a wheel with CUDA where there is no GPU: with a driver made here, which has every function that the
# library asks for, and no device. Then doctor, and proving, must report that.
set -euo pipefail
cd "$(dirname "$0")/.."
wheel=$(realpath "${1:?the wheel of make cuda}")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
.venv/bin/python -m zipfile -e "$wheel" "$work/site"
library=$(echo "$work"/site/zkhost/_native/*.so)

{
    echo 'int cuGetErrorString(int status, const char **text) { *text = "no CUDA-capable device is detected"; return 0; }'
    nm -D --undefined-only "$library" | awk '$2 ~ /^cu[A-Z]/ && $2 != "cuGetErrorString" {sub(/@.*/, "", $2); print "int " $2 "(void) { return 100; }"}'
} >"$work/driver.c"
${CC:-cc} -shared -fPIC -w -Wl,-soname,libcuda.so.1 "$work/driver.c" -o "$work/libcuda.so.1"

run() { env -u RISC0_PROVER -u RISC0_SERVER_PATH LD_LIBRARY_PATH="$work" PYTHONPATH="$work/site" .venv/bin/python -P "$@"; }
expected="no CUDA-capable device is detected (CUDA error 100)"
run -c 'import zkhost; assert zkhost.__file__.startswith("'"$work"'"), zkhost.__file__'
run -c 'from zkhost.cli.main import main; main()' doctor >"$work/doctor" && { echo "doctor found a GPU where there is none" >&2; exit 1; }
grep -F "$expected" "$work/doctor"
run examples/hello_world.py >"$work/proof" 2>&1 && { echo "something was proved without a GPU" >&2; exit 1; }
grep -F "ProverUnavailableError" "$work/proof" | grep -F "$expected"
