CREATE TABLE profiles (
  user_id      uuid        PRIMARY KEY,
  email        text,
  display_name text,
  interests    text[]      NOT NULL DEFAULT '{}',
  preferences  jsonb       NOT NULL DEFAULT '{}',
  is_admin     boolean     NOT NULL DEFAULT false,
  revision     bigint      NOT NULL,
  changed_at   timestamptz NOT NULL,
  deleted_at   timestamptz
) WITH (fillfactor = 70);

-- What the role that runs the ingester needs. In the stack of `make dev` it has this already.
GRANT SELECT, INSERT, UPDATE ON profiles TO ingester;
