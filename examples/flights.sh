#!/bin/sh
# Three million real flights: in over gRPC, validated and synced to disk, and back by aggregates, with a look into the past.
# Needs Node 20 or newer with npm, and about two gigabytes of memory; leaves nothing behind.
set -eu
cd "$(dirname "$0")/.."

node scripts/install.mjs
varve() { node bin/varve.js "$@"; }

directory=$(mktemp -d)
server=
stop() {
  if [ -n "$server" ]; then
    kill "$server" 2>/dev/null || true
    wait "$server" || true
  fi
  rm -rf "$directory"
}
trap stop EXIT
trap 'exit 130' INT TERM

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }

# Any free ports, so that this disturbs no server that already runs.
VARVE_SERVER_INGESTION_PORT=0 VARVE_SERVER_QUERY_PORT=0 VARVE_SERVER_PROCESSOR_PORT=0 node bin/varve.js serve --data-dir "$directory/data" \
  > "$directory/ready" 2> "$directory/log" &
server=$!
until grep -q '^query' "$directory/ready"; do
  kill -0 "$server" 2>/dev/null || { cat "$directory/log" >&2; exit 1; }
  sleep 0.2
done
VARVE_INGESTION_URL=$(sed -n 's/^ingestion *\(http:[^ ]*\).*/\1/p' "$directory/ready")
VARVE_QUERY_URL=$(sed -n 's/^query *\(http:[^ ]*\).*/\1/p' "$directory/ready")
export VARVE_INGESTION_URL VARVE_QUERY_URL VARVE_TENANT=demo VARVE_TABLE=flights

say "Ingest the file; its own schema becomes the table's"
varve ingest node_modules/vega-datasets/data/flights-3m.parquet --register --timestamp date

say "The busiest airports, and how late their flights were"
varve aggregate --agg count,avg:delay,max:delay --group-by origin --order-by count:desc --limit 5

say "The worst day of one flight path"
varve query --where "origin = 'SFO' and destination = 'JFK'" --order-by delay:desc --limit 3

say "How that was answered"
varve explain --where "origin = 'SFO' and destination = 'JFK'" --order-by delay:desc --limit 3 --analyze

say "The table as it was when about a million records were in, and one record with its position"
varve aggregate --agg count,avg:delay,distinct_count:origin --as-of 1000000
varve get flights-3m.parquet#00000001

say "What the server says of itself"
varve status
