-- After how many attempts did tasks fail for good? By the last generation of each task: one that was replayed and then
-- stored has not failed for good.
WITH last AS (
    SELECT * FROM results QUALIFY row_number() OVER (PARTITION BY tenant, taskId ORDER BY generation DESC) = 1)
SELECT attempts, failure.kind AS kind, count(*) AS tasks
FROM last WHERE status = 'failed'
GROUP BY ALL ORDER BY ALL;
