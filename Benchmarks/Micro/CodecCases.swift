import BackhaulDomain
import BackhaulRecords
internal import BackhaulUnits

/// Encodes and decodes records.
enum CodecCases {
    static let task = UploadTask(
        identity: TaskIdentity(tenant: "photos", id: "0f1e2d3c4b5a69788796a5b4c3d2e1f0"), batch: "trip-2026",
        source: SourceReference(root: "library", path: "2026/11/IMG_20261125_101112.jpg"),
        destination: DestinationReference(target: .named("nas"), key: "2026/11/IMG_20261125_101112.jpg"),
        size: ByteCount(4_812_345), modifiedAt: FileTime(nanoseconds: 1_795_000_000_000_000_000),
        acceptedAt: Timestamp(clamping: 1_795_000_000_123))

    static let outcome = Outcome(
        kind: .succeeded, task: TaskGeneration(identity: task.identity, generation: 0), batch: task.batch,
        destination: task.destination, attempts: 1, crashes: 0, size: task.size,
        sha256: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", verification: "http-2xx",
        worker: "host-1234-0", acceptedAt: task.acceptedAt, startedAt: task.acceptedAt + .milliseconds(5),
        finishedAt: task.acceptedAt + .milliseconds(50))

    static var all: [Case] {
        get throws {
            let taskBytes = try TaskCodec.encode(task)
            let outcomeBytes = try OutcomeCodec.encode(outcome)
            let resultBytes = try ResultDocument(outcome).encoded()
            let headers = Dictionary(
                CloudEvent.headers(outcome.task, status: "succeeded", time: "2026-11-25T10:11:12.123Z").map {
                    ($0.name, $0.text)
                }
            ) { $1 }
            return [
                Case(name: "task-encode", guarded: 1_000) { for _ in 0..<$0 { consume(try? TaskCodec.encode(task)) } },
                Case(name: "task-decode", guarded: 1_000) {
                    for _ in 0..<$0 { consume(try? TaskCodec.decode(taskBytes)) }
                },
                Case(name: "task-identity", guarded: 1_000) {
                    for _ in 0..<$0 {
                        consume(
                            TaskIdentity.derivedID(
                                tenant: task.identity.tenant, destination: task.destination, source: task.source,
                                size: task.size, modifiedAt: task.modifiedAt))
                    }
                },
                Case(name: "task-fingerprint", guarded: 1_000) {
                    for _ in 0..<$0 { consume(try? TaskFingerprint.of(task)) }
                },
                Case(name: "outcome-encode", guarded: 1_000) {
                    for _ in 0..<$0 { consume(try? OutcomeCodec.encode(outcome)) }
                },
                Case(name: "outcome-decode", guarded: 1_000) {
                    for _ in 0..<$0 { consume(try? OutcomeCodec.decode(outcomeBytes)) }
                },
                Case(name: "result-encode", guarded: 1_000) {
                    for _ in 0..<$0 { consume(try? ResultDocument(outcome).encoded()) }
                },
                Case(name: "result-decode", guarded: 1_000) {
                    for _ in 0..<$0 { consume(try? ResultDocument.decode(resultBytes)) }
                },
                Case(name: "result-headers", guarded: 1_000) {
                    for _ in 0..<$0 { consume(CloudEvent.read { headers[$0] }) }
                },
            ]
        }
    }
}
