#!/bin/sh
# `npm ci`, which says nothing for a minute or more: on a terminal, with a line every few seconds.
set -eu

echo 'Installing packages (npm ci); the first time that takes a minute or two …' >&2
if [ -t 2 ]; then
  # Beside it, and not it beside this: what runs in the background of a script does not hear Ctrl-C.
  (
    seconds=0
    while sleep 5 && kill -0 $$ 2>/dev/null; do
      seconds=$((seconds + 5))
      size=$(du -sm node_modules 2>/dev/null | cut -f 1)
      echo "  $seconds s, ${size:-0} MB" >&2
    done
  ) &
  progress=$!
  trap 'kill "$progress" 2>/dev/null' EXIT
fi
npm ci --no-audit --no-fund --loglevel=error >/dev/null
