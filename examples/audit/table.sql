CREATE TABLE audit_log (
  entry       bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  actor       text        NOT NULL,
  ip          inet,
  action      text        NOT NULL CHECK (action IN ('create', 'change', 'remove', 'export')),
  object      text        NOT NULL,
  detail      jsonb,
  done_at     timestamptz NOT NULL,
  received_at timestamptz NOT NULL,
  -- The database fills it.
  stored_at   timestamptz NOT NULL DEFAULT now()
);

-- What the role that runs the ingester needs. In the stack of `make dev` it has this already.
GRANT SELECT, INSERT, UPDATE ON audit_log TO ingester;
GRANT SELECT, INSERT, UPDATE ON applied_messages TO ingester;
GRANT SELECT, INSERT, UPDATE, DELETE ON applied_requests TO ingester;
GRANT EXECUTE ON FUNCTION keep_applied_days TO ingester;
