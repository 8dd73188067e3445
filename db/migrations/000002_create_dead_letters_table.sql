-- Up Migration

-- Messages that could not become a row, with the reason. One row a message, however often it was delivered.
CREATE TABLE dead_letters (
  id               bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  pipeline         text        NOT NULL,
  subscription     text        NOT NULL,
  message_id       text        NOT NULL,
  publish_time     timestamptz NOT NULL,
  ordering_key     text        NOT NULL,
  attributes       jsonb       NOT NULL,
  data             bytea       NOT NULL,
  reason           text        NOT NULL,
  detail           text        NOT NULL,
  delivery_attempt integer     NOT NULL,
  first_seen_at    timestamptz NOT NULL DEFAULT now(),
  last_seen_at     timestamptz NOT NULL DEFAULT now(),
  times_seen       integer     NOT NULL,
  status           text        NOT NULL DEFAULT 'new',
  UNIQUE (subscription, message_id, publish_time)
);

-- Down Migration

DROP TABLE dead_letters;
