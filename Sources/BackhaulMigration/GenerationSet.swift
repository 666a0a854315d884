internal import BackhaulDomain

/// A set of task generations by their digests, in 16 bytes each.
struct GenerationSet: Sendable {
    private struct Digest: Hashable, Sendable {
        var high: UInt64
        var low: UInt64

        init(_ task: TaskGeneration) { (high, low) = task.digest }
    }

    private var digests: Set<Digest> = []

    mutating func insert(_ task: TaskGeneration) { digests.insert(Digest(task)) }

    func contains(_ task: TaskGeneration) -> Bool { digests.contains(Digest(task)) }
}
