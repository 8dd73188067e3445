CREATE TABLE daily_usage (
  customer   uuid          NOT NULL,
  day        date          NOT NULL,
  requests   bigint        NOT NULL DEFAULT 0,
  bytes      numeric       NOT NULL DEFAULT 0,
  cost       numeric(20,6) NOT NULL DEFAULT 0,
  -- The database fills it.
  created_at timestamptz   NOT NULL DEFAULT now(),
  PRIMARY KEY (customer, day)
) WITH (fillfactor = 70);

-- What the role that runs the ingester needs. In the stack of `make dev` it has this already.
GRANT SELECT, INSERT, UPDATE ON daily_usage TO ingester;
GRANT SELECT, INSERT, UPDATE ON applied_messages TO ingester;
GRANT SELECT, INSERT, UPDATE, DELETE ON applied_requests TO ingester;
GRANT EXECUTE ON FUNCTION keep_applied_days TO ingester;
