-- What has become of the tasks of each replay?
SELECT replay, status, count(*) AS tasks, sum(bytes) AS bytes, min(finishedAt) AS first, max(finishedAt) AS last
FROM results WHERE replay IS NOT NULL
GROUP BY ALL ORDER BY ALL;
