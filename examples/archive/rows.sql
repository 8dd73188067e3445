-- Each once, also what was published several times.
SELECT event_type, schema_version, ordering_key, subscription, encode(a.body, 'escape') AS body
FROM message_archive AS a
GROUP BY event_type, schema_version, ordering_key, subscription, a.body
ORDER BY a.body;
