#!/usr/bin/env bash
# The gate. Nothing is checked in the pipeline that cannot be checked at a desk.
set -euo pipefail
cd "$(dirname "$0")/.."
BIN=${BIN:-.venv/bin}
step() { printf '\n== %s\n' "$1"; }

step "format";        "$BIN/ruff" format --check .
step "lint";          "$BIN/ruff" check .
step "types";         "$BIN/mypy"
step "import arrows"; "$BIN/lint-imports"
step "OpenAPI drift"; "$BIN/unclose" openapi --check openapi/openapi.json
step "tests";         make test
