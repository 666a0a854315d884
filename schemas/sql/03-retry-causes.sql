-- Why were attempts repeated, by destination?
SELECT destination, retry.kind AS kind, retry.httpStatus AS httpStatus, count(*) AS failures
FROM results, unnest(retries) AS one(retry)
GROUP BY ALL ORDER BY ALL;
