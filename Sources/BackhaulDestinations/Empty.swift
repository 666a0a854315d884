enum BackhaulDestinationsEmpty {}
