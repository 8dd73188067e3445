-- Up Migration

-- Part of the name under which the cache keeps what it knows of a pipeline's table. A new epoch makes it forget all
-- of that: `bin/ingester cache bump`. It stands here and not in the cache, which may come back with an old copy of
-- itself; and it is random, so that a database that is restored never meets an epoch again.
CREATE TABLE cache_epochs (
  pipeline  text        PRIMARY KEY,
  epoch     uuid        NOT NULL DEFAULT gen_random_uuid(),
  bumped_at timestamptz NOT NULL DEFAULT now()
);

-- Down Migration

DROP TABLE cache_epochs;
