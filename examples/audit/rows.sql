SELECT actor, ip, action, object, detail,
       to_char(done_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.MS') AS done_at
FROM audit_log
ORDER BY done_at, actor, object, action;
