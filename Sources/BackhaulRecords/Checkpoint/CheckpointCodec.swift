package import BackhaulDomain
internal import BackhaulUnits
internal import Foundation
internal import SwiftProtobuf

/// Encodes and decodes checkpoints: `backhaul.v1.Checkpoint`.
package enum CheckpointCodec {
    package static let contentType = "application/x-protobuf;messageType=backhaul.v1.Checkpoint"

    package static func encode(_ checkpoint: Checkpoint) throws -> [UInt8] {
        var message = Backhaul_V1_Checkpoint()
        message.tenant = checkpoint.task.identity.tenant.text
        message.taskID = checkpoint.task.identity.id.text
        message.generation = UInt32(clamping: checkpoint.task.generation)
        message.inFlight = checkpoint.isInFlight
        message.attempts = UInt32(clamping: checkpoint.progress.attempts)
        message.crashes = UInt32(clamping: checkpoint.progress.crashes)
        message.dueMs = checkpoint.progress.due?.milliseconds ?? 0
        message.handedOver = checkpoint.progress.isHandedOver
        message.uploadState = Data(checkpoint.progress.uploadState)
        message.history = checkpoint.progress.history.map(AttemptCodec.message)
        message.replay = checkpoint.progress.replay
        if checkpoint.progress.effort != TaskEffort() {
            message.effort = EffortCodec.message(checkpoint.progress.effort)
        }
        return try message.serializedBytes()
    }

    /// - Throws: `RecordError`.
    package static func decode(_ bytes: [UInt8]?) throws(RecordError) -> Checkpoint {
        guard let bytes, let message = try? Backhaul_V1_Checkpoint(serializedBytes: bytes), !message.taskID.isEmpty
        else {
            throw .unreadable(what: "checkpoint")
        }
        var progress = TaskProgress(
            generation: Int(message.generation), attempts: try GenerationCodec.count(message.attempts, "checkpoint"),
            crashes: try GenerationCodec.count(message.crashes, "checkpoint"),
            due: message.dueMs == 0 ? nil : try GenerationCodec.time(message.dueMs, "due_ms", of: "checkpoint"),
            isHandedOver: message.handedOver, history: AttemptCodec.values(message.history),
            uploadState: message.uploadState.count > TaskProgress.largestState ? [] : Array(message.uploadState))
        guard message.replay.isEmpty || ReplayName.isValid(message.replay) else {
            throw .invalid(what: "checkpoint", problem: "replay is not the id of one")
        }
        progress.replay = message.replay
        progress.effort = try EffortCodec.value(message.effort, of: "checkpoint")
        return Checkpoint(
            task: try GenerationCodec.value(message.tenant, message.taskID, message.generation, what: "checkpoint"),
            isInFlight: message.inFlight, progress: progress)
    }
}
