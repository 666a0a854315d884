-- What did retries cost? Attempts beyond the first, bytes sent again or in vain, time in attempts.
SELECT destination, sum(greatest(0, attempts - 1)) AS extraAttempts, sum(bytesRepeated) AS bytesRepeated,
    sum(uploadMs) FILTER (attempts > 1) AS uploadMs
FROM results
GROUP BY ALL ORDER BY ALL;
