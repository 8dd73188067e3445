SELECT order_id, status, customer_id, country, first_sku, total, currency, channel,
       to_char(updated_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US') AS updated_at
FROM sales.orders
ORDER BY order_id;
