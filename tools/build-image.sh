#!/bin/sh
# `make image`: builds the container image. Its base is named by tag in the Dockerfile; what is built on is the digest that
# the tag has now, which the image records in its label org.opencontainers.image.base.digest. Arguments are those of
# `docker build`.
set -eu

base=$(sed -n 's/^FROM \(node:[^ ]*\) AS node$/\1/p' Dockerfile)
digest=$(docker buildx imagetools inspect "$base" --format '{{.Manifest.Digest}}')
case $digest in
  sha256:*) ;;
  *)
    echo "cannot tell the digest of $base: docker buildx imagetools said '$digest'" >&2
    exit 1
    ;;
esac
echo "Building on $base@$digest" >&2
exec docker build --build-context "$base=docker-image://$base@$digest" \
  --label "org.opencontainers.image.base.digest=$digest" --tag ingester "$@" .
