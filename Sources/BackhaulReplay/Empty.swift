enum BackhaulReplayEmpty {}
