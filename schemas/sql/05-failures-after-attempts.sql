-- After how many attempts did tasks fail for good?
SELECT attempts, failure.kind AS kind, count(*) AS tasks
FROM results WHERE status = 'failed'
GROUP BY ALL ORDER BY ALL;
