CREATE TABLE payments (
  payment_id bigint      PRIMARY KEY,
  sequence   bigint      NOT NULL,
  state      text        NOT NULL,
  amount     numeric     NOT NULL,
  fee        numeric     NOT NULL,
  currency   varchar(3)  NOT NULL,
  account    bigint      NOT NULL,
  provider   text        NOT NULL,
  booked_at  timestamptz NOT NULL
) WITH (fillfactor = 70);

-- What the role that runs the ingester needs. In the stack of `make dev` it has this already.
GRANT SELECT, INSERT, UPDATE ON payments TO ingester;
