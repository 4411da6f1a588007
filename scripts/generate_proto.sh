#!/usr/bin/env bash
# Generates src/transport/grpc/generated from proto/, replacing what is there.
#   scripts/generate_proto.sh            generate
#   scripts/generate_proto.sh --check    change nothing; fail when the committed files differ from what would be generated
set -euo pipefail
cd "$(dirname "$0")/.."
node scripts/install.mjs
export PATH="$PWD/node_modules/.bin:$PATH"

generated=src/transport/grpc/generated
if [[ -z "$(find proto -name '*.proto' -print -quit 2>/dev/null)" ]]; then
  echo "no .proto files under proto/" >&2
  exit 0
fi

# Generated beside, then moved into place: a failing generation leaves the present files alone.
temporary="$(mktemp -d)"
trap 'rm -rf "$temporary"' EXIT
buf generate --output "$temporary"

if [[ "${1:-}" == "--check" ]]; then
  if ! diff -r "$generated" "$temporary/$generated" >&2; then
    echo "$generated is not what proto/ generates: run npm run proto" >&2
    exit 1
  fi
else
  mkdir -p "$(dirname "$generated")"
  rm -rf "$generated"
  mv "$temporary/$generated" "$generated"
fi
