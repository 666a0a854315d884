internal import BackhaulDomain
internal import BackhaulSQLite
internal import Foundation
internal import GRDB

/// What an audit has read and found, in a temporary database.
package final class AuditDatabase: Sendable {
    private let queue: DatabaseQueue

    /// - Throws: `DatabaseFailure` when the folder for temporary files cannot be written.
    package init() throws {
        do {
            queue = try Self.make()
        } catch {
            throw Self.failure(error)
        }
    }

    private static func failure(_ error: any Error) -> any Error {
        let environment = ProcessInfo.processInfo.environment
        return DatabaseFailure.of(
            error, "the audit's temporary database",
            folder: environment["SQLITE_TMPDIR"] ?? environment["TMPDIR"] ?? "/var/tmp",
            advice: "set TMPDIR to a folder that can be written")
    }

    /// Runs a part of an audit. What SQLite cannot do ends it with a `DatabaseFailure`.
    static func telling<Value>(
        isolation: isolated (any Actor)? = #isolation, _ body: () async throws -> Value
    ) async throws -> Value {
        do { return try await body() } catch { throw failure(error) }
    }

    private static func make() throws -> DatabaseQueue {
        try .temporary(
            """
            CREATE TABLE facts (name TEXT NOT NULL, fact INTEGER NOT NULL, content BLOB);
            CREATE TABLE missing (
                name TEXT PRIMARY KEY, stage TEXT, rank INTEGER NOT NULL DEFAULT 0,
                isForgotten INTEGER NOT NULL DEFAULT 0
            ) WITHOUT ROWID;
            CREATE TABLE findings (
                kind INTEGER NOT NULL, task TEXT NOT NULL, place TEXT NOT NULL, destination TEXT NOT NULL,
                key TEXT NOT NULL, expected TEXT NOT NULL, found TEXT NOT NULL, records INTEGER NOT NULL);
            CREATE TABLE lost (
                tenant TEXT NOT NULL, id TEXT NOT NULL, generation INTEGER NOT NULL, batch TEXT NOT NULL,
                destination TEXT NOT NULL, key TEXT NOT NULL, size INTEGER NOT NULL, acceptedAt INTEGER NOT NULL,
                message TEXT NOT NULL);
            CREATE TABLE batches (name TEXT PRIMARY KEY) WITHOUT ROWID;
            """)
    }

    // MARK: Facts about task generations

    func add(_ facts: [AuditFact]) throws {
        guard !facts.isEmpty else { return }
        try queue.write { database in
            var insert = try BoundStatement(database, "INSERT INTO facts (name, fact, content) VALUES (?, ?, ?)")
            for fact in facts {
                insert.bind(fact.name)
                insert.bind(fact.kind.rawValue)
                insert.bind(fact.content)
                try insert.run()
            }
        }
    }

    /// Calls `decide` with all that is known about each generation, by name, and keeps what it decides.
    func judge(_ decide: (AuditFacts) -> AuditJudgement) throws {
        try queue.write { database in
            var rows = try BoundStatement(
                database,
                """
                SELECT name, fact, count(*), min(content) <> max(content)
                FROM facts GROUP BY name, fact ORDER BY name, fact
                """)
            defer { rows.reset() }
            func keep(_ facts: AuditFacts) throws {
                let judgement = decide(facts)
                if !judgement.findings.isEmpty { try Self.insert(judgement.findings, database) }
                if judgement.isMissing { try Self.insertMissing(facts.name, database) }
            }
            var facts: AuditFacts?
            while try rows.next() {
                let name = rows.text(0) ?? ""
                if facts?.name.utf8.elementsEqual(name.utf8) != true {
                    if let facts { try keep(facts) }
                    facts = AuditFacts(name: name)
                }
                guard let kind = AuditFact.Kind(rawValue: rows.integer(1)) else { continue }
                facts?.counts[kind] = Int(clamping: rows.integer(2))
                if kind == .accepted { facts?.hasTwoContents = rows.integer(3) == 1 }
            }
            if let facts { try keep(facts) }
        }
    }

    private static func insertMissing(_ name: String, _ database: Database) throws {
        var insert = try BoundStatement(database, "INSERT OR IGNORE INTO missing (name) VALUES (?)")
        insert.bind(name)
        try insert.run()
    }

    // MARK: What seems missing

    /// Notes where missing tasks were found after all; the highest rank counts.
    func found(_ found: [(name: String, stage: String, rank: Int)]) throws {
        guard !found.isEmpty else { return }
        try queue.write { database in
            var update = try BoundStatement(
                database, "UPDATE missing SET stage = ?1, rank = ?2 WHERE name = ?3 AND rank < ?2")
            for task in found {
                update.bind(task.stage)
                update.bind(task.rank)
                update.bind(task.name)
                try update.run()
            }
        }
    }

    func forget(_ names: [String]) throws {
        guard !names.isEmpty else { return }
        try queue.write { database in
            var update = try BoundStatement(database, "UPDATE missing SET isForgotten = 1 WHERE name = ?")
            for name in names {
                update.bind(name)
                try update.run()
            }
        }
    }

    /// How many tasks that seemed missing have a result.
    func foundResults() throws -> Int { try queue.number("SELECT count(*) FROM missing WHERE stage = 'results'") }

    /// How many tasks are missing still.
    func missingCount() throws -> Int {
        try queue.number("SELECT count(*) FROM missing WHERE stage IS NULL AND NOT isForgotten")
    }

    func forgottenCount() throws -> Int {
        try queue.number("SELECT count(*) FROM missing WHERE stage IS NULL AND isForgotten")
    }

    /// Makes findings of what is missing still, and of what was found at a stage without a result.
    func nameMissing() throws {
        try queue.write { database in
            for (kind, condition) in [
                (AuditFinding.Kind.missing, "stage IS NULL AND NOT isForgotten"),
                (.unfinished, "stage IS NOT NULL AND stage <> 'results'"),
            ] {
                try database.execute(
                    sql: """
                        INSERT INTO findings
                        SELECT \(kind.rawValue), name, coalesce(stage, ''), '', '', '', '', 1 FROM missing
                        WHERE \(condition)
                        """)
            }
        }
    }

    // MARK: Batches

    func addBatches(_ names: Set<ByteText>) throws {
        try queue.write { database in
            var insert = try BoundStatement(database, "INSERT OR IGNORE INTO batches (name) VALUES (?)")
            for name in names {
                insert.bind(name.text)
                try insert.run()
            }
        }
    }

    /// The batches that were read, by name.
    package func batches() throws -> [String] {
        try queue.read { database in
            var rows = try BoundStatement(database, "SELECT name FROM batches ORDER BY name")
            var names: [String] = []
            while try rows.next() { names.append(rows.text(0) ?? "") }
            return names
        }
    }

    // MARK: Findings

    func add(_ findings: [AuditFinding]) throws {
        guard !findings.isEmpty else { return }
        try queue.write { try Self.insert(findings, $0) }
    }

    private static func insert(_ findings: [AuditFinding], _ database: Database) throws {
        var insert = try BoundStatement(
            database, "INSERT INTO findings (kind, \(AuditFinding.columns)) VALUES (?, ?, ?, ?, ?, ?, ?, ?)")
        for finding in findings {
            insert.bind(finding.kind.rawValue)
            finding.bind(to: &insert)
            try insert.run()
        }
    }

    /// How many unfinished tasks there are at each stage.
    func unfinishedStages() throws -> [String: Int] {
        try queue.read { database in
            var rows = try BoundStatement(
                database, "SELECT place, count(*) FROM findings WHERE kind = ? GROUP BY place")
            rows.bind(AuditFinding.Kind.unfinished.rawValue)
            var stages: [String: Int] = [:]
            while try rows.next() { stages[rows.text(0) ?? ""] = Int(clamping: rows.integer(1)) }
            return stages
        }
    }

    /// How many findings there are of each kind; kinds without one are absent.
    func counts() throws -> [AuditFinding.Kind: Int] {
        try queue.read { database in
            var rows = try BoundStatement(database, "SELECT kind, count(*) FROM findings GROUP BY kind")
            var counts: [AuditFinding.Kind: Int] = [:]
            while try rows.next() {
                if let kind = AuditFinding.Kind(rawValue: rows.integer(0)) {
                    counts[kind] = Int(clamping: rows.integer(1))
                }
            }
            return counts
        }
    }

    /// Calls `each` with the findings of a kind, sorted by destination, key and task.
    package func findings(_ kind: AuditFinding.Kind, _ each: (AuditFinding) throws -> Void) throws {
        try queue.read { database in
            var rows = try BoundStatement(
                database,
                """
                SELECT \(AuditFinding.columns) FROM findings WHERE kind = ?
                ORDER BY destination, key, task, place
                """)
            rows.bind(kind.rawValue)
            defer { rows.reset() }
            while try rows.next() { try each(AuditFinding(kind, rows)) }
        }
    }

    // MARK: Lost objects

    func add(_ lost: [LostObject]) throws {
        guard !lost.isEmpty else { return }
        try queue.write { database in
            var insert = try BoundStatement(database, "INSERT INTO lost VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)")
            for object in lost {
                object.bind(to: &insert)
                try insert.run()
            }
        }
    }

    /// The lost objects behind a place in their order.
    /// - Parameter after: the place of the last one that was read; 0 at first.
    package func lost(after: Int64, limit: Int) throws -> (objects: [LostObject], last: Int64) {
        try queue.read { database in
            var rows = try BoundStatement(
                database, "SELECT *, rowid FROM lost WHERE rowid > ? ORDER BY rowid LIMIT ?")
            rows.bind(after)
            rows.bind(limit)
            var objects: [LostObject] = []
            var last = after
            while try rows.next() {
                objects.append(LostObject(rows))
                last = rows.integer(9)
            }
            return (objects, last)
        }
    }
}
