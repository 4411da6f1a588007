#!/usr/bin/env bash
# Builds dist: the package as it is published (`npm publish ./dist`), compiled to JavaScript with declarations and source maps.
set -euo pipefail
cd "$(dirname "$0")/.."
node scripts/install.mjs
export PATH="$PWD/node_modules/.bin:$PATH"

rm -rf dist
tsc -p tsconfig.build.json
node scripts/dist_manifest.mjs
for file in bin proto config README.md LICENSE CHANGELOG.md; do
  if [[ -e "$file" ]]; then cp -R "$file" dist/; fi
done
echo "dist is built"
