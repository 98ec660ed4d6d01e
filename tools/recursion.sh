#!/usr/bin/env bash
# Fetches risc0's recursion programs once, where the network lets us; without them this build makes composite receipts only.
set -euo pipefail
cd "$(dirname "$0")/.."
. tools/env.sh

sha256=744b999f0a35b3c86753311c7efb2a0054be21727095cf105af6ee7d3f4d8849
url="https://risc0-artifacts.s3.us-west-2.amazonaws.com/zkr/$sha256.zip"
zip="$ZKHOST_CACHE/recursion_zkr.zip"

if [ -n "${RECURSION_SRC_PATH:-}" ]; then
    echo "recursion programs: $RECURSION_SRC_PATH"
    exit 0
fi
mkdir -p "$ZKHOST_CACHE"
if curl --fail --silent --location --connect-timeout 5 --max-time 600 --output "$zip.part" "$url" \
    && echo "$sha256  $zip.part" | sha256sum --check --status; then
    mv "$zip.part" "$zip"
    echo "recursion programs: fetched to $zip"
else
    rm -f "$zip.part"
    echo "recursion programs: not reachable from here; succinct and groth16 receipts are left out."
    echo "  To add them later: put recursion_zkr.zip (sha256 $sha256) at $zip and run make again."
fi
