#!/bin/sh
# Publishes the messages of a file, one a line, to a topic of the emulator:
#
#   examples/publish.sh [--envelope] TOPIC FILE
#
# With --envelope each line is a message as Pub/Sub's API has it: its data in base64, its attributes, its ordering key. Where the
# emulator is, it takes from PUBSUB_EMULATOR_HOST and INGESTER_PROJECTID, or from .env.local, which `make dev` writes.
set -eu
envelope=false
if [ "${1:-}" = --envelope ]; then envelope=true; shift; fi
[ $# -eq 2 ] || { echo 'usage: publish.sh [--envelope] TOPIC FILE' >&2; exit 2; }
[ -n "${PUBSUB_EMULATOR_HOST:-}" ] || . ./.env.local
url="http://$PUBSUB_EMULATOR_HOST/v1/projects/$INGESTER_PROJECTID/topics/$1:publish"
while IFS= read -r line; do
  if ! $envelope; then line="{\"data\": \"$(printf '%s' "$line" | base64 | tr -d '\n')\"}"; fi
  curl --fail --silent --show-error --output /dev/null "$url" \
    --header 'content-type: application/json' --data-binary "{\"messages\": [$line]}"
done <"$2"
