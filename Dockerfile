# The ingester, its commands and the scanner: an image of Node.js, packages and sources, without shell or npm.
#
#   docker build --tag ingester .
#   docker run --rm ingester --help
#   docker run --rm --read-only --cap-drop ALL --env-file .env ingester
#
# `make image` and releases build on the digest that the base's tag has then, and record it in a label.
#
# Sources run as they are; nothing is compiled but the cache that lets a start take half the time.

FROM node:26.10.0-trixie-slim AS node


FROM node AS packages
WORKDIR /app
COPY package.json package-lock.json ./
# The optional packages are PostgreSQL's own binaries, 60 MB, for the demo that needs no containers.
RUN --mount=type=cache,target=/root/.npm \
    npm ci --omit=dev --omit=optional --ignore-scripts --no-audit --no-fund


FROM node AS app
WORKDIR /app
COPY package.json ./
COPY cmd cmd
COPY src src
COPY db db
# A clone that was made with umask 077 can be read by its owner only.
RUN chmod -R a+rX,go-w . && mkdir .compiled && chown 65532:65532 .compiled
# Node.js takes a compile cache only from the user who wrote it.
USER 65532:65532
# Without configuration `run` loads everything it needs, then says what is missing and ends with 2.
RUN --mount=type=bind,from=packages,source=/app/node_modules,target=/app/node_modules \
    NODE_COMPILE_CACHE=/app/.compiled node --disable-proto=delete -- cmd/ingester/main.ts run || [ $? -eq 2 ]


FROM node AS system
# Node.js and the libraries it is linked with; names of one user; where names of hosts are looked up.
RUN mkdir -p /system/etc && mkdir -m 1777 /system/tmp \
    && ldd /usr/local/bin/node | grep -o '/[^ ]*' | xargs cp --parents --dereference --target-directory=/system \
    && cp --parents /usr/local/bin/node /system \
    && echo 'ingester:x:65532:65532:ingester:/nonexistent:/nonexistent' >/system/etc/passwd \
    && echo 'ingester:x:65532:' >/system/etc/group \
    && echo 'hosts: files dns' >/system/etc/nsswitch.conf


FROM scratch
ARG VERSION=0.2.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="pubsub-postgres-ingester" \
      org.opencontainers.image.description="Keeps the newest record of each key of a Google Cloud Pub/Sub subscription in PostgreSQL" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION" \
      org.opencontainers.image.base.name="docker.io/library/node:26.10.0-trixie-slim"
COPY --from=system /system /
COPY --from=packages /app/node_modules /app/node_modules
COPY --from=app /app /app
WORKDIR /app
USER 65532:65532
# A container's loopback is reached by nobody: probes and scrapers come from outside. Publish the port with care.
ENV PATH=/usr/local/bin \
    NODE_COMPILE_CACHE=/app/.compiled \
    INGESTER_HTTP_HOST=0.0.0.0
EXPOSE 9400
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --retries=3 --start-period=60s \
    CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.INGESTER_HTTP_PORT || 9400}/healthz`).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "--disable-proto=delete", "--", "cmd/ingester/main.ts"]
CMD ["run"]
