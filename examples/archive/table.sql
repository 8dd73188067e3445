-- A message that Pub/Sub delivers again keeps its id, and its row. One that is published again gets another id, and another row.
CREATE TABLE message_archive (
  message_id     text        PRIMARY KEY,
  published_at   timestamptz NOT NULL,
  body           bytea       NOT NULL,
  event_type     text,
  schema_version integer     NOT NULL,
  ordering_key   text,
  subscription   text        NOT NULL
);

-- What the role that runs the ingester needs. In the stack of `make dev` it has this already.
GRANT SELECT, INSERT, UPDATE ON message_archive TO ingester;
