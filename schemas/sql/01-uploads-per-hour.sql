-- How many files and bytes were stored in each hour, by tenant?
SELECT date_trunc('hour', finishedAt) AS hour, tenant, count(*) AS uploads, sum(bytes) AS bytes
FROM results WHERE status = 'succeeded'
GROUP BY ALL ORDER BY ALL;
