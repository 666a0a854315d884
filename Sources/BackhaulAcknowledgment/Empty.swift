enum BackhaulAcknowledgmentEmpty {}
