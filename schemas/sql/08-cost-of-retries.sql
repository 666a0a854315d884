-- What did retries cost? Attempts beyond the first; bytes sent again or in vain, those of results without a retry
-- included; all time in attempts of the results that took more than one, the last attempt included.
SELECT destination, sum(greatest(0, attempts - 1)) AS extraAttempts, sum(bytesRepeated) AS bytesRepeated,
    coalesce(sum(uploadMs) FILTER (attempts > 1), 0) AS uploadMs
FROM results
GROUP BY ALL ORDER BY ALL;
