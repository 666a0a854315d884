enum BackhaulTelemetryEmpty {}
