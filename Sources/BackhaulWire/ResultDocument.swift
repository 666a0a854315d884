package import BackhaulDomain
internal import Foundation

/// The one terminal record of a task generation as JSON: schemas/json/result.v1.schema.json. Every key is always there.
package struct ResultDocument: Hashable, Sendable, Codable {
    package var taskId: String
    package var generation: Int
    package var tenant: String
    package var batch: String
    /// succeeded, failed, cancelled or expired.
    package var status: String
    /// Recorded failures plus the final try.
    package var attempts: Int
    package var crashes: Int
    package var bytes: UInt64
    /// Lower-case hex; null when the file was not read to its end.
    @Nullable package var sha256: String?
    /// What was checked at the destination; null for anything but a success.
    @Nullable package var verification: String?
    /// The destination's name, or the base URL.
    package var destination: String
    package var key: String
    @Nullable package var failure: ResultFailure?
    package var objectMayExist: Bool
    package var worker: String
    /// RFC 3339, UTC, milliseconds.
    package var acceptedAt: String
    package var startedAt: String
    package var finishedAt: String

    package init(_ outcome: Outcome) {
        taskId = outcome.task.identity.id
        generation = outcome.task.generation
        tenant = outcome.task.identity.tenant
        batch = outcome.batch
        status = outcome.kind.rawValue
        attempts = outcome.attempts
        crashes = outcome.crashes
        bytes = outcome.bytes
        _sha256 = Nullable(wrappedValue: outcome.sha256.isEmpty ? nil : outcome.sha256)
        _verification = Nullable(wrappedValue: outcome.verification.isEmpty ? nil : outcome.verification)
        destination = outcome.destination.label
        key = outcome.destination.key
        _failure = Nullable(wrappedValue: outcome.failure.map(ResultFailure.init))
        objectMayExist = outcome.objectMayExist
        worker = outcome.worker
        acceptedAt = TimeText.format(outcome.acceptedAt)
        startedAt = TimeText.format(outcome.startedAt)
        finishedAt = TimeText.format(outcome.finishedAt)
    }

    package var task: TaskGeneration {
        TaskGeneration(identity: TaskIdentity(tenant: tenant, id: taskId), generation: generation)
    }

    package static let contentType = "application/json"

    package func encoded() throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return Array(try encoder.encode(self))
    }

    /// - Throws: `WireError`.
    package static func decode(_ bytes: [UInt8]?) throws(WireError) -> ResultDocument {
        guard let bytes, let document = try? JSONDecoder().decode(Self.self, from: Data(bytes)) else {
            throw .unreadable(what: "result")
        }
        guard OutcomeKind(rawValue: document.status)?.isTerminal == true else {
            throw .invalid(what: "result", problem: "status '\(document.status.prefix(20))' is unknown")
        }
        guard !document.taskId.isEmpty, !document.tenant.isEmpty, document.generation >= 0 else {
            throw .missing(what: "result", field: "taskId")
        }
        return document
    }
}

/// Why a generation failed, in its result.
package struct ResultFailure: Hashable, Sendable, Codable {
    package var kind: String
    package var message: String
    @Nullable package var httpStatus: Int?

    package init(_ failure: Failure) {
        kind = failure.kind.rawValue
        message = failure.message
        _httpStatus = Nullable(wrappedValue: failure.httpStatus)
    }
}
