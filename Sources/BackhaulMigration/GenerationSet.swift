internal import BackhaulDomain

/// A set of task generations by their digests, in 16 bytes each.
struct GenerationSet: Sendable {
    private var digests: Set<NameDigest> = []

    mutating func insert(_ task: TaskGeneration) { digests.insert(task.digest) }

    func contains(_ task: TaskGeneration) -> Bool { digests.contains(task.digest) }
}
