-- How many bytes did not have to be sent again, because uploads were resumed?
SELECT destination, sum(bytesResumed) AS bytesResumed, count(*) FILTER (bytesResumed > 0) AS uploads
FROM results
GROUP BY ALL ORDER BY ALL;
