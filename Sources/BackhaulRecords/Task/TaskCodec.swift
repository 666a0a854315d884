package import BackhaulDomain
internal import BackhaulUnits
internal import SwiftProtobuf

/// Encodes and decodes tasks: `backhaul.v1.Task`.
package enum TaskCodec {
    package static let contentType = "application/x-protobuf;messageType=backhaul.v1.Task"

    package static func encode(_ task: UploadTask) throws -> [UInt8] {
        var message = Backhaul_V1_Task()
        message.tenant = task.identity.tenant.text
        message.taskID = task.identity.id.text
        message.batch = task.batch.text
        message.source.file.root = task.source.root.text
        message.source.file.path = task.source.path.text
        message.size = task.size.bytes
        message.modifiedAtNs = task.modifiedAt.nanoseconds
        message.destination = DestinationCodec.message(task.destination)
        message.contentType = task.contentType
        message.acceptedAtMs = task.acceptedAt.milliseconds
        message.deadlineMs = task.deadline?.milliseconds ?? 0
        if let submitter = task.submitter {
            message.submitter.name = submitter.name.text
            message.submitter.way =
                switch submitter.way {
                case .commandLine: .commandLine
                case .http: .http
                }
        }
        return try message.serializedBytes()
    }

    private static func submitter(_ message: Backhaul_V1_Submitter) -> Submitter? {
        switch message.way {
        case .commandLine: Submitter(name: ByteText(message.name), way: .commandLine)
        // A way of a later version is held to the stricter rules.
        case .http, .UNRECOGNIZED: Submitter(name: ByteText(message.name), way: .http)
        case .unspecified: nil
        }
    }

    /// - Throws: `RecordError`: anyone may have written the bytes, so every rule of a task is checked again.
    package static func decode(_ bytes: [UInt8]?) throws(RecordError) -> UploadTask {
        guard let bytes, let message = try? Backhaul_V1_Task(serializedBytes: bytes) else {
            throw .unreadable(what: "task")
        }
        guard !message.tenant.isEmpty else { throw .missing(what: "task", field: "tenant") }
        guard !message.taskID.isEmpty else { throw .missing(what: "task", field: "task_id") }
        guard case .file(let file) = message.source.kind else { throw .missing(what: "task", field: "source") }
        guard message.acceptedAtMs > 0 else { throw .missing(what: "task", field: "accepted_at_ms") }
        let task = UploadTask(
            identity: TaskIdentity(tenant: ByteText(message.tenant), id: ByteText(message.taskID)),
            batch: ByteText(message.batch),
            source: SourceReference(root: ByteText(file.root), path: ByteText(file.path)),
            destination: try DestinationCodec.value(message.destination, what: "task"), size: ByteCount(message.size),
            modifiedAt: FileTime(nanoseconds: message.modifiedAtNs), contentType: message.contentType,
            acceptedAt: try GenerationCodec.time(message.acceptedAtMs, "accepted_at_ms", of: "task"),
            deadline: message.deadlineMs == 0
                ? nil : try GenerationCodec.time(message.deadlineMs, "deadline_ms", of: "task"),
            submitter: message.hasSubmitter ? submitter(message.submitter) : nil)
        do {
            try TaskRules.check(task)
        } catch {
            throw .invalid(what: "task", problem: error.message)
        }
        return task
    }
}

enum DestinationCodec {
    static func message(_ destination: DestinationReference) -> Backhaul_V1_Destination {
        var message = Backhaul_V1_Destination()
        switch destination.target {
        case .named(let name): message.target = .name(name.text)
        case .url(let url): message.target = .url(url.text)
        }
        message.key = destination.key.text
        return message
    }

    static func value(_ message: Backhaul_V1_Destination, what: String) throws(RecordError) -> DestinationReference {
        guard !message.key.isEmpty else { throw .missing(what: what, field: "destination.key") }
        switch message.target {
        case .name(let name): return DestinationReference(target: .named(ByteText(name)), key: ByteText(message.key))
        case .url(let url): return DestinationReference(target: .url(ByteText(url)), key: ByteText(message.key))
        case nil: throw .missing(what: what, field: "destination.target")
        }
    }
}
