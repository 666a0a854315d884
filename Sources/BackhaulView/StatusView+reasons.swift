package import BackhaulDomain
internal import BackhaulSQLite
internal import GRDB

/// Groups what is unfinished.
extension StatusView {
    /// The condition of the index `tasks_open`; SQLite uses it only if a query repeats it.
    static let isOpen = "state IN ('waiting', 'running', 'retrying')"
    /// The most groups that are told apart; the largest come first.
    private static let mostReasons = 100

    /// Why tasks have not ended: by state, destination, class of the last failure and HTTP status, the largest group
    /// first; of one batch, one tenant or all, nil meaning any.
    package func reasons(batch: ByteText?, tenant: ByteText?) async throws -> [WaitReason] {
        let which = "\(Self.isOpen) AND (?1 IS NULL OR tenant = ?1) AND (?2 IS NULL OR batch = ?2)"
        return try await reading { database in
            // The index has all columns, in the order of the groups.
            var groups = try BoundStatement(
                database,
                """
                SELECT state, destination, failure, http_status, count(*), min(accepted_at), min(due_at)
                FROM tasks INDEXED BY tasks_open WHERE \(which)
                GROUP BY state, destination, failure, http_status ORDER BY count(*) DESC LIMIT \(Self.mostReasons)
                """)
            var message = try BoundStatement(
                database,
                """
                SELECT message FROM tasks INDEXED BY tasks_open
                WHERE \(which) AND state = ?3 AND destination = ?4 AND failure = ?5 AND http_status IS ?6 LIMIT 1
                """)
            groups.bind(tenant?.text)
            groups.bind(batch?.text)
            var found: [WaitReason] = []
            while try groups.next() {
                let state = groups.text(0) ?? ""
                let destination = groups.name(1)
                let status = groups.optionalInteger(3).map { Int($0) }
                var failure: Failure?
                if let kind = groups.text(2) {
                    message.bind(tenant?.text)
                    message.bind(batch?.text)
                    message.bind(state)
                    message.bind(destination.text)
                    message.bind(kind)
                    message.bind(status)
                    let text = try message.next() ? message.text(0) : nil
                    message.reset()
                    failure = Failure(FailureClass(rawValue: kind) ?? .permanent, text ?? "", httpStatus: status)
                }
                found.append(
                    WaitReason(
                        state: TaskState(rawValue: state) ?? .waiting, destination: destination, failure: failure,
                        tasks: Int(groups.integer(4)), oldestAcceptedAt: groups.time(5),
                        nextAttemptAt: groups.optionalTime(6)))
            }
            return found
        }
    }
}
