SELECT warehouse, sku, quantity, label, checksum, source,
       to_char(counted_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.MS') AS counted_at
FROM inventory
ORDER BY warehouse, sku;
