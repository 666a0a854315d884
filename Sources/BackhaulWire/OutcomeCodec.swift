package import BackhaulDomain
internal import Foundation
internal import SwiftProtobuf

/// Outcomes as bytes: `backhaul.v1.Outcome`.
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
            }
        message.tenant = outcome.task.identity.tenant
        message.taskID = outcome.task.identity.id
        message.generation = UInt32(clamping: outcome.task.generation)
        message.batch = outcome.batch
        message.destination = DestinationCodec.message(outcome.destination)
        message.attempts = UInt32(clamping: outcome.attempts)
        message.crashes = UInt32(clamping: outcome.crashes)
        message.bytes = outcome.bytes
        message.sha256 = Data(Hex.decode(outcome.sha256) ?? [])
        message.verification = outcome.verification
        if let failure = outcome.failure {
            message.failure.kind = failure.kind.rawValue
            message.failure.message = failure.message
            message.failure.httpStatus = UInt32(clamping: failure.httpStatus ?? 0)
        }
        message.worker = outcome.worker
        message.acceptedAtMs = outcome.acceptedAt
        message.startedAtMs = outcome.startedAt
        message.finishedAtMs = outcome.finishedAt
        message.nextAttemptAtMs = outcome.nextAttemptAt ?? 0
        message.objectMayExist = outcome.objectMayExist
        return try message.serializedBytes()
    }

    /// - Throws: `WireError`.
    package static func decode(_ bytes: [UInt8]?) throws(WireError) -> Outcome {
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
            case .unspecified, .UNRECOGNIZED: throw .missing(what: "outcome", field: "kind")
            }
        var failure: Failure?
        if message.hasFailure {
            failure = Failure(
                FailureClass(rawValue: message.failure.kind) ?? .permanent, message.failure.message,
                httpStatus: message.failure.httpStatus == 0 ? nil : Int(message.failure.httpStatus))
        }
        return Outcome(
            kind: kind,
            task: TaskGeneration(
                identity: TaskIdentity(tenant: message.tenant, id: message.taskID), generation: Int(message.generation)),
            batch: message.batch, destination: try DestinationCodec.value(message.destination, what: "outcome"),
            attempts: Int(message.attempts), crashes: Int(message.crashes), bytes: message.bytes,
            sha256: Hex.encode(message.sha256), verification: message.verification, failure: failure,
            worker: message.worker, acceptedAt: message.acceptedAtMs, startedAt: message.startedAtMs,
            finishedAt: message.finishedAtMs,
            nextAttemptAt: message.nextAttemptAtMs == 0 ? nil : message.nextAttemptAtMs,
            objectMayExist: message.objectMayExist)
    }
}
