-- How many files were not sent, because the destination had the same content already?
SELECT destination, count(*) AS files, sum(bytes) AS bytes
FROM results WHERE wasStored
GROUP BY ALL ORDER BY ALL;
