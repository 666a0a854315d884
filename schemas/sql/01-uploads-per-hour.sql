-- How many files and bytes were stored in each hour, by tenant? Each result that stored bytes counts: neither those whose
-- content was there already, nor those of a destination that keeps nothing.
SELECT date_trunc('hour', finishedAt) AS hour, tenant, count(*) AS uploads, sum(bytes) AS bytes
FROM results WHERE status = 'succeeded' AND verification <> 'none' AND NOT coalesce(wasStored, false)
GROUP BY ALL ORDER BY ALL;
