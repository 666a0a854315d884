-- Which destinations are slow? Bytes a second in attempts, of the successes that sent bytes; the slowest first.
SELECT destination, count(*) AS uploads, sum(bytesSent) * 1000 / greatest(1, sum(uploadMs)) AS bytesPerSecond
FROM results WHERE status = 'succeeded' AND bytesSent > 0
GROUP BY ALL ORDER BY bytesPerSecond, destination;
