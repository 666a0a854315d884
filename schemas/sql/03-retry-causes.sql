-- Why were attempts repeated, by destination? Without the last failure of a result that failed: nothing followed it. A
-- result keeps its first failure and the latest 19.
SELECT destination, retry.kind AS kind, retry.httpStatus AS httpStatus, count(*) AS failures
FROM results, unnest(CASE
    WHEN status = 'failed' AND retries[-1].attempt = attempts AND retries[-1].kind = failure.kind THEN retries[:-2]
    ELSE retries END) AS one(retry)
GROUP BY ALL ORDER BY ALL;
