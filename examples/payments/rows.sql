SELECT payment_id, sequence, state, amount, fee, currency, account, provider,
       to_char(booked_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS') AS booked_at
FROM payments
ORDER BY payment_id;
