package import BackhaulDomain
internal import BackhaulSQLite
internal import GRDB

/// Questions about objects' places.
extension StatusView {
    /// A file whose key at its destination another file has as well.
    package struct SharedKey: Hashable, Sendable {
        package var key: ByteText
        /// The other file.
        package var holder: SourceReference
        package var holderBatch: ByteText
    }

    /// The files of a batch whose keys other files have that are stored or under way: how many, and the first of them.
    /// A new version of the same file is not another file.
    package func sharedKeys(
        batch: ByteText, tenant: ByteText, limit: Int
    ) async throws -> (count: Int, first: [SharedKey]) {
        try await reading { database in
            var rows = try BoundStatement(
                database,
                """
                SELECT t.key, o.root, o.path, o.batch FROM tasks t JOIN tasks o
                    ON o.place = t.place AND o.destination = t.destination AND o.key = t.key
                    AND (o.root <> t.root OR o.path <> t.path)
                WHERE t.tenant = ? AND t.batch = ? AND t.batch <> '' AND t.root <> '' AND o.root <> ''
                    AND o.state NOT IN ('failed', 'expired', 'cancelled')
                    AND t.state NOT IN ('failed', 'expired', 'cancelled')
                GROUP BY t.key ORDER BY t.key
                """)
            rows.bind(tenant.text)
            rows.bind(batch.text)
            defer { rows.reset() }
            var found: [SharedKey] = []
            var count = 0
            while try rows.next() {
                count += 1
                guard found.count < limit else { continue }
                found.append(
                    SharedKey(
                        key: rows.name(0), holder: SourceReference(root: rows.name(1), path: rows.name(2)),
                        holderBatch: rows.name(3)))
            }
            return (count, found)
        }
    }
}
