enum BackhaulLoopEmpty {}
