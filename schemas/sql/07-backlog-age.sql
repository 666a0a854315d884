-- How much was accepted and not ended at the end of each hour, and how old was the oldest of it? A task counts from each
-- acceptance to its first end: one that failed and waits for a replay is not backlog. What has not ended since has no
-- result: `backhaul status` tells of now. What is accepted at the hour counts, what ends at it does not.
WITH accepted AS (
    SELECT tenant, taskId, acceptedAt, min(finishedAt) AS endedAt FROM results GROUP BY ALL),
bounds AS (SELECT date_trunc('hour', min(acceptedAt)) AS first, max(endedAt) AS last FROM accepted),
hours AS (
    SELECT unnest(generate_series(first + INTERVAL 1 HOUR, date_trunc('hour', last) + INTERVAL 1 HOUR, INTERVAL 1 HOUR))
        AS hour FROM bounds)
SELECT hour, count(taskId) AS outstanding,
    coalesce(max(date_diff('millisecond', acceptedAt, hour)), 0) AS oldestMs
FROM hours LEFT JOIN accepted ON acceptedAt <= hour AND endedAt > hour
GROUP BY ALL ORDER BY ALL;
