/// The tables of a view.
extension StatusView {
    /// Changes with the tables. A view of another version is discarded and rebuilt.
    static let version = 9

    static let schema = """
        CREATE TABLE tasks(tenant TEXT NOT NULL, id TEXT NOT NULL, generation INTEGER NOT NULL, batch TEXT NOT NULL,
            state TEXT NOT NULL, bytes INTEGER NOT NULL, destination TEXT NOT NULL, key TEXT NOT NULL,
            root TEXT NOT NULL, path TEXT NOT NULL, fingerprint BLOB, accepted_at INTEGER NOT NULL, started_at INTEGER,
            finished_at INTEGER, due_at INTEGER, attempts INTEGER NOT NULL, crashes INTEGER NOT NULL, failure TEXT,
            message TEXT, http_status INTEGER, sha256 TEXT, verification TEXT, object_may_exist INTEGER NOT NULL,
            worker TEXT NOT NULL, acknowledged INTEGER NOT NULL, left_behind INTEGER, topic TEXT,
            partition INTEGER, "offset" INTEGER, submitted_by TEXT NOT NULL,
            place INTEGER NOT NULL, sent INTEGER,
            contested INTEGER NOT NULL, PRIMARY KEY(tenant, id)) WITHOUT ROWID;
        CREATE INDEX tasks_place ON tasks(place);
        CREATE INDEX tasks_time ON tasks(tenant, accepted_at, id);
        CREATE INDEX tasks_batch ON tasks(tenant, batch, accepted_at, id) WHERE batch <> '';
        CREATE INDEX tasks_rare ON tasks(tenant, state, accepted_at, id) WHERE state NOT IN ('waiting', 'succeeded');
        CREATE INDEX tasks_open ON tasks(state, destination, failure, http_status, tenant, batch, accepted_at, due_at)
            WHERE \(isOpen);
        CREATE TABLE attempts(tenant TEXT NOT NULL, id TEXT NOT NULL, generation INTEGER NOT NULL,
            partition INTEGER NOT NULL, "offset" INTEGER NOT NULL, attempt INTEGER NOT NULL, outcome TEXT NOT NULL,
            started_at INTEGER NOT NULL, finished_at INTEGER NOT NULL, failure TEXT, message TEXT, http_status INTEGER,
            worker TEXT NOT NULL, PRIMARY KEY(tenant, id, generation, partition, "offset")) WITHOUT ROWID;
        CREATE TABLE counts(tenant TEXT NOT NULL, batch TEXT NOT NULL, state TEXT NOT NULL, tasks INTEGER NOT NULL,
            bytes_high INTEGER NOT NULL, bytes_low INTEGER NOT NULL, unacknowledged INTEGER NOT NULL,
            PRIMARY KEY(tenant, batch, state)) WITHOUT ROWID;
        CREATE INDEX counts_batch ON counts(batch);
        CREATE TABLE tenants(tenant TEXT NOT NULL, state TEXT NOT NULL, tasks INTEGER NOT NULL,
            bytes_high INTEGER NOT NULL, bytes_low INTEGER NOT NULL, unacknowledged INTEGER NOT NULL,
            PRIMARY KEY(tenant, state)) WITHOUT ROWID;
        CREATE TABLE positions(topic TEXT NOT NULL, partition INTEGER NOT NULL, next INTEGER NOT NULL,
            PRIMARY KEY(topic, partition)) WITHOUT ROWID;
        """
}
