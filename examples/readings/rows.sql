SELECT device, sensor, reading, firmware,
       to_char(measured_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.MS') AS measured_at
FROM latest_readings
ORDER BY device, sensor;
