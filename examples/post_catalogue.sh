#!/bin/sh
# Post a catalogue with curl and wait until the hub has applied it.
#
#   HUB_URL=https://hub.example.com HUB_KEY=ihub_live_... sh post_catalogue.sh FILE full|delta [IDEMPOTENCY_KEY]
#
# Needs curl 7.71 or newer and gzip. Exit code 0: every record was applied.
set -eu
file=$1 load_type=$2
# One key for all attempts: the hub recognises a repeated post. Store the key with the export, and use it again after a crash.
key=${3:-$(cat /proc/sys/kernel/random/uuid)}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
gzip -c "$file" > "$work/body.gz"

# --retry waits as Retry-After requests, else 1, 2, 4, ... seconds, after 408, 429, 500, 502, 503, 504 and time-outs.
# --retry-all-errors adds broken connections. Without --fail, an answer such as 400 is no error and is not repeated.
request() {
  curl --silent --show-error --connect-timeout 10 --max-time 300 --retry 8 --retry-all-errors --retry-max-time 1800 \
    --header "Authorization: Bearer $HUB_KEY" --output "$work/answer.json" --dump-header "$work/headers" \
    --write-out '%{http_code}' "$@"
}

member() { # the text or number of a JSON member
  sed -n "s/.*\"$1\": *\"\{0,1\}\([^\",}]*\).*/\1/p" "$work/answer.json" | head -n 1
}

# --upload-file streams the file; --data-binary would read it into memory.
status=$(request --request POST --upload-file "$work/body.gz" \
  --header "X-Inova-Load-Type: $load_type" --header "Content-Type: application/json" \
  --header "Content-Encoding: gzip" --header "Idempotency-Key: $key" --header "Expect:" \
  "$HUB_URL/v1/inovafarma/products")
if [ "$status" != 202 ]; then
  echo "The hub answered $status: $(cat "$work/answer.json")" >&2
  exit 1
fi
batch=$(member batch_id)
echo "accepted as $batch"

while :; do
  status=$(request "$HUB_URL/v1/batches/$batch")
  [ "$status" = 200 ] || { echo "The hub answered $status: $(cat "$work/answer.json")" >&2; exit 1; }
  [ "$(member finished_at)" = null ] || break
  wait=$(tr -d '\r' < "$work/headers" | sed -n 's/^[Rr]etry-[Aa]fter: *//p' | tail -n 1)
  sleep "${wait:-1}"
done
echo "$(member status): $(member items_processed) records applied, $(member items_failed) not"
# /v1/batches/$batch/errors lists the rejected records, with the reasons.
[ "$(member status)" = COMPLETED ]
