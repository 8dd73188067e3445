SELECT customer, day, requests, bytes, cost
FROM daily_usage
ORDER BY customer, day;
