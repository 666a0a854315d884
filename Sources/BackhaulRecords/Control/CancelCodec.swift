package import BackhaulDomain
package import BackhaulUnits
internal import SwiftProtobuf

/// Encodes cancellations for the control topic: `backhaul.v1.Control`.
package enum CancelCodec {
    package static let contentType = "application/x-protobuf;messageType=backhaul.v1.Control"

    /// The record's key; a tombstone of it means that the generation has been handled.
    package static func key(_ task: TaskGeneration) -> [UInt8] {
        Array("cancel/\(task.identity.tenant)/\(task.identity.id)/\(task.generation)".utf8)
    }

    /// The generation that a key names; nil for a key of another kind.
    package static func task(ofKey key: [UInt8]?) -> TaskGeneration? {
        guard let key else { return nil }
        // Neither a tenant nor an id contains a slash.
        let parts = String(decoding: key, as: UTF8.self).split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 4, parts[0] == "cancel", let generation = Int(parts[3]),
            Domain.counts.contains(generation)
        else {
            return nil
        }
        return TaskGeneration(
            identity: TaskIdentity(tenant: ByteText(parts[1]), id: ByteText(parts[2])), generation: generation)
    }

    /// - Parameter at: when the cancel was requested.
    package static func encode(_ task: TaskGeneration, at: Timestamp) throws -> [UInt8] {
        var message = Backhaul_V1_Control()
        message.cancel.tenant = task.identity.tenant.text
        message.cancel.taskID = task.identity.id.text
        message.cancel.generation = UInt32(clamping: task.generation)
        message.cancel.atMs = at.milliseconds
        return try message.serializedBytes()
    }
}
