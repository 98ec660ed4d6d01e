#!/usr/bin/env bash
# step.sh "what is being done" command...: says it, does it, and says how long it took.
set -uo pipefail
title=$1
shift
echo "==> $title"
started=$(date +%s.%N)
"$@"
status=$?
printf '    %s in %.1f s\n' "$([ $status -eq 0 ] && echo done || echo "FAILED ($status)")" "$(echo "$(date +%s.%N) $started" | awk '{print $1 - $2}')"
exit $status
