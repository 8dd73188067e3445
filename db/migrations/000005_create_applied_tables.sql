-- Up Migration

-- What was counted once: by pipelines that append or add up, a row for each record that has had its effect. A record that
-- is here when its message is delivered again has none. In partitions of one day each, by the publish time of the message,
-- so that old ones are dropped and not deleted.
CREATE TABLE applied_messages (
  pipeline     text        NOT NULL,
  message_id   text        COLLATE "C" NOT NULL,
  publish_time timestamptz NOT NULL,
  -- The record's place in its message, from 0.
  record_index integer     NOT NULL,
  -- Of sums the values of the record, of others a digest of them.
  effect       text[]      NOT NULL,
  PRIMARY KEY (publish_time, message_id, record_index, pipeline)
) PARTITION BY RANGE (publish_time);

-- The same of messages that were made of a request, which may be repeated at any later time: no day belongs to it.
CREATE TABLE applied_requests (
  pipeline      text        NOT NULL,
  -- SHA-256 of who asked, what for, and the key of the request, in hexadecimal digits.
  request       text        COLLATE "C" NOT NULL,
  record_index  integer     NOT NULL,
  effect        text[]      NOT NULL,
  first_used_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (request, record_index, pipeline)
);

-- For the removal of those that are no longer needed.
CREATE INDEX applied_requests_first_used_at ON applied_requests (first_used_at);

-- Makes and drops partitions, with the rights of the tables' owner: the role that ingests may change rows only. Of one
-- that calls it with too short a horizon messages become dead letters (`too-old`), and nothing is counted twice: an
-- ingester takes no message that is older than the oldest partition.
--
-- Partitions are made for the whole horizon at first, then up to two days ahead, and dropped a day after the horizon.
DO $make$
BEGIN
  EXECUTE format($create$
CREATE FUNCTION keep_applied_days(horizon interval) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = %1$I, pg_temp
SET lock_timeout = '10s'
AS $body$
DECLARE
  today  date := (now() AT TIME ZONE 'UTC')::date;
  oldest date;
  newest date;
  day    date;
BEGIN
  IF horizon < interval '24 hours' OR horizon > interval '366 days' THEN
    RAISE EXCEPTION 'the horizon must be 24 hours to 366 days, not %%', horizon USING ERRCODE = '22023';
  END IF;
  -- Another session is on it: what it makes is there when it ends.
  PERFORM pg_advisory_xact_lock('applied_messages'::regclass::oid::bigint);
  -- Writers queue behind a lock that waits.
  SET LOCAL lock_timeout = '200ms';

  -- One that was made by hand for a later day says nothing of those before it.
  SELECT min(d.day), max(d.day) FILTER (WHERE d.day <= today + 2)
  INTO oldest, newest
  FROM (SELECT to_date(right(c.relname, 8), 'YYYYMMDD') AS day
        FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid
        WHERE i.inhparent = 'applied_messages'::regclass AND c.relname ~ '^applied_messages_[0-9]{8}$') AS d;

  day := coalesce(newest + 1, ((now() - horizon) AT TIME ZONE 'UTC')::date - 1);
  WHILE day <= today + 2 LOOP
    -- Attached: to create it in place would block writers.
    EXECUTE format('CREATE TABLE %%I (LIKE applied_messages INCLUDING ALL)', 'applied_messages_' || to_char(day, 'YYYYMMDD'));
    EXECUTE format('ALTER TABLE applied_messages ATTACH PARTITION %%I FOR VALUES FROM (%%L) TO (%%L)',
                   'applied_messages_' || to_char(day, 'YYYYMMDD'),
                   to_char(day, 'YYYY-MM-DD') || ' 00:00:00+00', to_char(day + 1, 'YYYY-MM-DD') || ' 00:00:00+00');
    day := day + 1;
  END LOOP;

  day := oldest;
  WHILE day + 2 <= (now() - horizon) AT TIME ZONE 'UTC' LOOP
    BEGIN
      EXECUTE format('DROP TABLE IF EXISTS %%I', 'applied_messages_' || to_char(day, 'YYYYMMDD'));
    EXCEPTION WHEN lock_not_available THEN
      -- Readers and writers take precedence. The next call tries again.
      RETURN;
    END;
    day := day + 1;
  END LOOP;
END
$body$
$create$, current_schema());
END
$make$;

REVOKE ALL ON FUNCTION keep_applied_days(interval) FROM PUBLIC;

-- Down Migration

DROP FUNCTION keep_applied_days(interval);
DROP TABLE applied_requests;
DROP TABLE applied_messages;
