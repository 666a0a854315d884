-- What has each replay achieved? How its own generations ended, and how many of these tasks are stored by now, by whatever
-- generation came last; a destination that keeps nothing (`none`) stores nothing.
WITH last AS (
    SELECT tenant, taskId,
        arg_max(status = 'succeeded' AND verification IS DISTINCT FROM 'none', generation) AS isStored
    FROM results GROUP BY ALL)
SELECT replay, status, count(*) AS tasks, count(*) FILTER (isStored) AS storedNow, sum(bytes) AS bytes,
    min(finishedAt) AS first, max(finishedAt) AS last
FROM results JOIN last USING (tenant, taskId) WHERE replay IS NOT NULL
GROUP BY replay, status ORDER BY ALL;
