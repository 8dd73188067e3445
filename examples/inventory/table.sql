CREATE TABLE inventory (
  warehouse  text        NOT NULL,
  sku        text        NOT NULL,
  quantity   integer     NOT NULL CHECK (quantity >= 0),
  label      text,
  checksum   bytea,
  source     text        NOT NULL,
  counted_at timestamptz NOT NULL,
  -- Somebody else's: the mapping says "others": "skip".
  remark     text,
  PRIMARY KEY (warehouse, sku)
) WITH (fillfactor = 70);

-- What the role that runs the ingester needs. In the stack of `make dev` it has this already.
GRANT SELECT, INSERT, UPDATE ON inventory TO ingester;
