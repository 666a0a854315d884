enum BackhaulAuditEmpty {}
