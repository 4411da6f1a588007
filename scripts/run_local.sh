#!/usr/bin/env bash
# Serves everything in one process on this machine, as `npm start` does; arguments go to `varve serve`.
set -euo pipefail
cd "$(dirname "$0")/.."
exec node scripts/start.mjs "$@"
