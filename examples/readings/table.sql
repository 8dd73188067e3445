CREATE TABLE latest_readings (
  device      text        NOT NULL,
  sensor      text        NOT NULL,
  reading     numeric,
  measured_at timestamptz NOT NULL,
  firmware    text,
  received_at timestamptz NOT NULL,
  PRIMARY KEY (device, sensor)
) WITH (fillfactor = 70);

-- What the role that runs the ingester needs. In the stack of `make dev` it has this already.
GRANT SELECT, INSERT, UPDATE ON latest_readings TO ingester;
