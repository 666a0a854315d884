-- How was what is stored verified?
SELECT destination, verification, count(*) AS files, sum(bytes) AS bytes,
    round(100.0 * count(*) / sum(count(*)) OVER (PARTITION BY destination), 2) AS percent
FROM results WHERE status = 'succeeded'
GROUP BY destination, verification ORDER BY ALL;
