#!/usr/bin/env bash
# Commits the documentation of this version to the local branch gh-pages, as X.Y and as the latest, beside those of
# other versions, which readers choose from in its header. Nothing is pushed.
set -euo pipefail
cd "$(dirname "$0")/../.."
version=$(.venv/bin/python -c 'import zkhost; print(".".join(zkhost.__version__.split(".")[:2]))')
export PATH="$PWD/.venv/bin:$PATH" NO_MKDOCS_2_WARNING=1
mike deploy --update-aliases "$version" latest
mike set-default latest
mike list
