-- How was what is stored verified? By results; a destination that keeps nothing (`none`) stores nothing.
SELECT destination, verification, count(*) AS files, sum(bytes) AS bytes,
    round(100.0 * count(*) / sum(count(*)) OVER (PARTITION BY destination), 2) AS percent
FROM results WHERE status = 'succeeded' AND verification <> 'none'
GROUP BY destination, verification ORDER BY ALL;
