#!/bin/sh
# The package's `ingester`: runs ingester.cjs with the Node.js on PATH, however it is linked.
set -eu

self=$0
while [ -L "$self" ]; do
  target=$(readlink "$self")
  case $target in
    /*) self=$target ;;
    *) self=$(dirname "$self")/$target ;;
  esac
done

# `--`: Node.js would take --env-file for its own, even after the script's name.
exec node -- "$(dirname "$self")/ingester.cjs" "$@"
