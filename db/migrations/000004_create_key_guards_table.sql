-- Up Migration

-- One row for each key of a pipeline whose messages may delete, also where its table has no such row: a writer locks it
-- before it touches the row, so that an older message on its way at the same time cannot bring a deleted row back.
CREATE TABLE key_guards (
  pipeline        text   NOT NULL,
  -- The values of the table's key columns as a JSON array. In the order of bytes, which needs no locale.
  key             text   COLLATE "C" NOT NULL,
  -- Of the newest deletion: integers as they are, times in microseconds since 1970. NULL while there was none.
  deleted_version bigint[],
  deleted_at      timestamptz,
  PRIMARY KEY (pipeline, key)
) WITH (fillfactor = 90);

-- For the removal of those that are no longer needed.
CREATE INDEX key_guards_deleted_at ON key_guards (pipeline, deleted_at) WHERE deleted_at IS NOT NULL;

-- Down Migration

DROP TABLE key_guards;
