CREATE SCHEMA sales;
CREATE TYPE sales.order_status AS ENUM ('new', 'paid', 'shipped', 'cancelled');
CREATE TABLE sales.orders (
  order_id    text               PRIMARY KEY,
  status      sales.order_status NOT NULL,
  customer_id bigint             NOT NULL,
  country     text,
  first_sku   text,
  total       numeric(12,2)      NOT NULL,
  currency    varchar(3)         NOT NULL,
  channel     text,
  updated_at  timestamptz        NOT NULL,
  stored_at   timestamptz        NOT NULL DEFAULT now()
) WITH (fillfactor = 70);

-- What the role that runs the ingester needs. In the stack of `make dev` it has the rights on tables already.
GRANT USAGE ON SCHEMA sales TO ingester;
GRANT SELECT, INSERT, UPDATE, DELETE ON sales.orders TO ingester;
