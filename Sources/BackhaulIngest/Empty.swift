enum BackhaulIngestEmpty {}
