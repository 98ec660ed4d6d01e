#!/usr/bin/env bash
# Sees to the system packages the build needs: installs them where it may, else says which are missing and stops.
set -euo pipefail

missing=()
need() { command -v "$1" >/dev/null 2>&1 || missing+=("$2"); }

command -v cargo >/dev/null 2>&1 || {
    echo "error: no cargo on PATH. Install Rust with rustup (https://rustup.rs), then run make again." >&2
    exit 1
}
if [ "$(uname -s)" != Linux ]; then
    for tool in clang clang++ curl git; do
        command -v "$tool" >/dev/null 2>&1 || { echo "error: $tool is missing (macOS: xcode-select --install)" >&2; exit 1; }
    done
    exit 0
fi

need cc gcc
need clang clang
need clang++ clang
need curl curl
need git git
need pkg-config pkg-config
need python3 python3
python3 -c 'import venv, ensurepip' 2>/dev/null || missing+=(python3-venv)
# Of the tests marked slow: the oracle of zkhost.boundless links OpenSSL.
[ "${1:-}" != slow ] || pkg-config --exists openssl || missing+=(libssl-dev)

# The guest toolchain: what the user names, rzup's, else Debian's set.
if [ -z "${ZKHOST_GUEST_TOOLCHAIN:-}" ] && ! ls "$HOME"/.risc0/toolchains/*rust* >/dev/null 2>&1; then
    [ -x /usr/bin/rustc ] && /usr/bin/rustc --version | grep -qE '1\.(8[8-9]|9[0-9]|[1-9][0-9]{2})' || missing+=(rustc-web)
    [ -x /usr/bin/cargo ] || missing+=(cargo-web)
    [ -d /usr/share/doc/rust-web-src ] || missing+=(rust-web-src)
    need ld.lld lld
fi

if [ ${#missing[@]} -eq 0 ]; then
    echo "system packages: all here"
    exit 0
fi
mapfile -t missing < <(printf '%s\n' "${missing[@]}" | sort -u)

sudo=()
if [ "$(id -u)" -ne 0 ]; then
    if command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then sudo=(sudo -n); else
        echo "error: these packages are missing, and there are no rights to install them here:" >&2
        echo "  sudo apt-get install -y ${missing[*]}" >&2
        exit 1
    fi
fi
command -v apt-get >/dev/null 2>&1 || {
    echo "error: missing: ${missing[*]} (Debian's names; there is no apt-get here to install them with)" >&2
    exit 1
}
echo "system packages: installing ${missing[*]}"
"${sudo[@]}" apt-get update -qq
DEBIAN_FRONTEND=noninteractive "${sudo[@]}" apt-get install -y -qq "${missing[@]}" >/dev/null
