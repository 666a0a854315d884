-- How much was accepted and not ended at the end of each hour, and how old was the oldest of it?
WITH bounds AS (SELECT date_trunc('hour', min(acceptedAt)) AS first, max(finishedAt) AS last FROM results),
hours AS (
    SELECT unnest(generate_series(first + INTERVAL 1 HOUR, date_trunc('hour', last) + INTERVAL 1 HOUR, INTERVAL 1 HOUR))
        AS hour FROM bounds)
SELECT hour, count(taskId) AS outstanding,
    coalesce(max(date_diff('millisecond', acceptedAt, hour)), 0) AS oldestMs
FROM hours LEFT JOIN results ON generation = 0 AND acceptedAt <= hour AND finishedAt > hour
GROUP BY ALL ORDER BY ALL;
