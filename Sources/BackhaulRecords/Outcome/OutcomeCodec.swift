package import BackhaulDomain
internal import BackhaulUnits
internal import Foundation
internal import SwiftProtobuf

/// Encodes and decodes outcomes: `backhaul.v1.Outcome`.
package enum OutcomeCodec {
    package static let contentType = "application/x-protobuf;messageType=backhaul.v1.Outcome"

    package static func encode(_ outcome: Outcome) throws -> [UInt8] {
        var message = Backhaul_V1_Outcome()
        message.kind =
            switch outcome.kind {
            case .started: .started
            case .retrying: .retrying
            case .released: .released
            case .succeeded: .succeeded
            case .failed: .failed
            case .cancelled: .cancelled
            case .expired: .expired
            case .acknowledged: .acknowledged
            case .lost: .lost
            }
        message.tenant = outcome.task.identity.tenant.text
        message.taskID = outcome.task.identity.id.text
        message.generation = UInt32(clamping: outcome.task.generation)
        message.batch = outcome.batch.text
        message.destination = DestinationCodec.message(outcome.destination)
        message.attempts = UInt32(clamping: outcome.attempts)
        message.crashes = UInt32(clamping: outcome.crashes)
        message.bytes = outcome.size.bytes
        message.sha256 = Data(Hex.decode(outcome.sha256) ?? [])
        message.verification = outcome.verification
        if let failure = outcome.failure {
            message.failure.kind = failure.kind.rawValue
            message.failure.message = failure.message
            message.failure.httpStatus = UInt32(clamping: failure.httpStatus ?? 0)
        }
        message.worker = outcome.worker
        message.acceptedAtMs = outcome.acceptedAt.milliseconds
        message.startedAtMs = outcome.startedAt.milliseconds
        message.finishedAtMs = outcome.finishedAt.milliseconds
        message.nextAttemptAtMs = outcome.nextAttemptAt?.milliseconds ?? 0
        message.objectMayExist = outcome.objectMayExist
        message.submittedBy = outcome.submittedBy.text
        if let time = outcome.modifiedAt { message.modifiedAtNs = time.nanoseconds }
        if let permissions = outcome.permissions { message.mode = permissions }
        if !outcome.fingerprint.isEmpty { message.fingerprint = Data(outcome.fingerprint) }
        message.bytesSent = outcome.bytesSent.bytes
        if !outcome.facts.isEmpty { message.facts = FactsCodec.message(outcome.facts) }
        return try message.serializedBytes()
    }

    /// - Throws: `RecordError`.
    package static func decode(_ bytes: [UInt8]?) throws(RecordError) -> Outcome {
        guard let bytes, let message = try? Backhaul_V1_Outcome(serializedBytes: bytes) else {
            throw .unreadable(what: "outcome")
        }
        guard !message.tenant.isEmpty else { throw .missing(what: "outcome", field: "tenant") }
        guard !message.taskID.isEmpty else { throw .missing(what: "outcome", field: "task_id") }
        let kind: OutcomeKind =
            switch message.kind {
            case .started: .started
            case .retrying: .retrying
            case .released: .released
            case .succeeded: .succeeded
            case .failed: .failed
            case .cancelled: .cancelled
            case .expired: .expired
            case .acknowledged: .acknowledged
            case .lost: .lost
            case .unspecified, .UNRECOGNIZED: throw .missing(what: "outcome", field: "kind")
            }
        var failure: Failure?
        if message.hasFailure {
            failure = Failure(
                FailureClass(rawValue: message.failure.kind) ?? .permanent, message.failure.message,
                httpStatus: Int(exactly: message.failure.httpStatus))
        }
        var outcome = Outcome(
            kind: kind,
            task: try GenerationCodec.value(message.tenant, message.taskID, message.generation, what: "outcome"),
            batch: ByteText(message.batch),
            destination: try DestinationCodec.value(message.destination, what: "outcome"),
            attempts: try GenerationCodec.count(message.attempts, "outcome"),
            crashes: try GenerationCodec.count(message.crashes, "outcome"), size: ByteCount(message.bytes),
            sha256: Hex.encode(message.sha256),
            verification: message.verification.bounded(toBytes: Domain.longestLabel), failure: failure,
            worker: message.worker.bounded(toBytes: Domain.longestLabel),
            acceptedAt: try GenerationCodec.time(message.acceptedAtMs, "accepted_at_ms", of: "outcome"),
            startedAt: try GenerationCodec.time(message.startedAtMs, "started_at_ms", of: "outcome"),
            finishedAt: try GenerationCodec.time(message.finishedAtMs, "finished_at_ms", of: "outcome"),
            nextAttemptAt: message.nextAttemptAtMs == 0
                ? nil : try GenerationCodec.time(message.nextAttemptAtMs, "next_attempt_at_ms", of: "outcome"),
            objectMayExist: message.objectMayExist,
            submittedBy: ByteText(message.submittedBy.bounded(toBytes: Domain.longestLabel)))
        if message.hasModifiedAtNs { outcome.modifiedAt = FileTime(nanoseconds: message.modifiedAtNs) }
        if message.hasMode { outcome.permissions = message.mode }
        outcome.fingerprint = Array(message.fingerprint)
        outcome.bytesSent = ByteCount(message.bytesSent)
        if message.hasFacts { outcome.facts = try FactsCodec.value(message.facts) }
        try check(outcome)
        return outcome
    }

    private static func check(_ outcome: Outcome) throws(RecordError) {
        do {
            try TaskRules.checkBatch(outcome.batch)
            try TaskRules.checkPath(
                outcome.destination.key, code: "bad-key", what: "key", limit: TaskRules.largestKey)
            try TaskRules.checkLabel(outcome.destination.label)
        } catch {
            throw .invalid(what: "outcome", problem: error.message)
        }
        guard outcome.size <= Domain.largestFile else {
            throw .invalid(what: "outcome", problem: "bytes is out of range")
        }
        guard outcome.sha256.isEmpty || outcome.sha256.utf8.count == 64 else {
            throw .invalid(what: "outcome", problem: "sha256 does not have 32 bytes")
        }
        guard outcome.fingerprint.isEmpty || outcome.fingerprint.count == TaskFingerprint.size else {
            throw .invalid(what: "outcome", problem: "fingerprint does not have \(TaskFingerprint.size) bytes")
        }
        guard outcome.bytesSent <= Domain.largestFile else {
            throw .invalid(what: "outcome", problem: "bytes_sent is out of range")
        }
        guard (outcome.permissions ?? 0) <= 0o777 else {
            throw .invalid(what: "outcome", problem: "mode is out of range")
        }
        if let problem = nonsense(outcome) { throw .invalid(what: "outcome", problem: problem) }
    }

    /// What no worker and no caller of the API would report; nil for none. A forged outcome must at least look like one
    /// of theirs.
    private static func nonsense(_ outcome: Outcome) -> String? {
        let isWord = outcome.verification.utf8.allSatisfy {
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) || $0 == UInt8(ascii: "-")
                || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0)
        }
        if !isWord { return "verification is not a word" }
        if outcome.isByCaller, outcome.kind != .cancelled, outcome.kind != .acknowledged {
            return "a caller of the API cannot report '\(outcome.kind.rawValue)'"
        }
        if outcome.kind == .lost, outcome.failure == nil { return "a loss without what was found" }
        guard outcome.kind == .succeeded else {
            return outcome.verification.isEmpty ? nil : "verification is for successes only"
        }
        if outcome.verification.isEmpty { return "a success without a verification" }
        if outcome.worker.isEmpty { return "a success without a worker" }
        if outcome.attempts < 1 { return "a success without an attempt" }
        return outcome.failure == nil ? nil : "a success with a failure"
    }
}
