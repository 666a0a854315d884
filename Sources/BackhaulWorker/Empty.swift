enum BackhaulWorkerEmpty {}
