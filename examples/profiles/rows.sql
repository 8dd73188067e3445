-- Whether there is a row of a user who was deleted, and with what, depends on what had been stored before.
SELECT user_id, email, display_name, interests, preferences, is_admin, revision,
       to_char(changed_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS') AS changed_at
FROM profiles
WHERE deleted_at IS NULL
ORDER BY user_id;
