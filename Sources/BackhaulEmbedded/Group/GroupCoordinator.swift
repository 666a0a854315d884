internal import BackhaulLog

/// Assigns a group's partitions to its members; pure. Cooperative, as Kafka's KIP-429: members keep their partitions; a
/// partition that must move is revoked first, and is assigned only after its owner has released it.
struct GroupCoordinator: Equatable, Sendable {
    typealias Member = Int

    /// An event to send to a member.
    enum Action: Equatable, Sendable {
        case assign(Member, [TopicPartition])
        case revoke(Member, [TopicPartition])
    }

    private var members: [Member] = []
    private var owners: [TopicPartition: Member] = [:]
    /// Revoked and not released yet.
    private var revoking: Set<TopicPartition> = []
    private let partitions: [TopicPartition]

    init(partitions: [TopicPartition]) {
        self.partitions = partitions.sorted()
    }

    var isEmpty: Bool { members.isEmpty }

    func owner(of partition: TopicPartition) -> Member? { owners[partition] }

    mutating func join(_ member: Member) -> [Action] {
        members.append(member)
        return balance()
    }

    /// Removes a member; its partitions are free at once.
    mutating func leave(_ member: Member) -> [Action] {
        members.removeAll { $0 == member }
        for (partition, owner) in owners where owner == member {
            owners[partition] = nil
            revoking.remove(partition)
        }
        return balance()
    }

    /// Applies a member's answer to a revocation.
    mutating func release(_ member: Member, _ given: [TopicPartition]) -> [Action] {
        for partition in given where owners[partition] == member && revoking.contains(partition) {
            owners[partition] = nil
            revoking.remove(partition)
        }
        return balance()
    }

    /// Balances topic by topic, so that the load of each topic is even; each topic's remainder goes to other members.
    private mutating func balance() -> [Action] {
        guard !members.isEmpty else { return [] }
        var assigned: [Member: [TopicPartition]] = [:]
        var revoked: [Member: [TopicPartition]] = [:]
        let topics = Dictionary(grouping: partitions, by: \.topic)
        for (index, topic) in topics.keys.sorted().enumerated() {
            let all = topics[topic] ?? []
            var quota: [Member: Int] = [:]
            for (rank, member) in members.enumerated() {
                let turn = (rank + index) % members.count
                quota[member] = all.count / members.count + (turn < all.count % members.count ? 1 : 0)
            }
            var free: [TopicPartition] = []
            for partition in all {
                guard let owner = owners[partition] else {
                    free.append(partition)
                    continue
                }
                // A partition under revocation no longer counts for its owner.
                if revoking.contains(partition) { continue }
                if quota[owner, default: 0] > 0 {
                    quota[owner, default: 0] -= 1
                } else {
                    revoking.insert(partition)
                    revoked[owner, default: []].append(partition)
                }
            }
            for partition in free {
                guard let member = members.first(where: { quota[$0, default: 0] > 0 }) else { continue }
                quota[member, default: 0] -= 1
                owners[partition] = member
                assigned[member, default: []].append(partition)
            }
        }
        return members.compactMap { member in revoked[member].map { .revoke(member, $0) } }
            + members.compactMap { member in assigned[member].map { .assign(member, $0) } }
    }
}
