-- How long did it take from acceptance until a file was stored, by destination? In milliseconds, by results; of a task
-- that was replayed with the time before the replay.
SELECT destination, count(*) AS uploads,
    quantile_cont(date_diff('millisecond', acceptedAt, finishedAt), 0.5) AS p50,
    quantile_cont(date_diff('millisecond', acceptedAt, finishedAt), 0.95) AS p95,
    quantile_cont(date_diff('millisecond', acceptedAt, finishedAt), 0.99) AS p99
FROM results WHERE status = 'succeeded' AND verification <> 'none'
GROUP BY ALL ORDER BY ALL;
