-- Of which tenants are files not stored? By the last generation of each task, most failures first. What its owner has
-- cancelled is not missed.
WITH last AS (
    SELECT tenant, taskId, arg_max(status, generation) AS status, arg_max(bytes, generation) AS bytes
    FROM results GROUP BY ALL)
SELECT tenant, count(*) AS tasks, count(*) FILTER (status = 'failed' OR status = 'expired') AS failed,
    coalesce(sum(bytes) FILTER (status = 'failed' OR status = 'expired'), 0) AS bytes,
    round(100.0 * failed / tasks, 2) AS percent
FROM last
GROUP BY tenant ORDER BY failed DESC, tenant;
