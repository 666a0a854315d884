internal import BackhaulLog

/// Who of a group's members has which partition; pure. Cooperative as Kafka's KIP-429: a member keeps what it has, a
/// partition that is to move is first asked back, stays its owner's until that answers, and only then is assigned.
struct GroupCoordinator: Equatable, Sendable {
    typealias Member = Int

    /// What the members have to be told.
    enum Action: Equatable, Sendable {
        case assign(Member, [TopicPartition])
        case revoke(Member, [TopicPartition])
    }

    private var members: [Member] = []
    private var owners: [TopicPartition: Member] = [:]
    /// Asked back and not answered yet.
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

    /// The member is gone; what it had is free at once.
    mutating func leave(_ member: Member) -> [Action] {
        members.removeAll { $0 == member }
        for (partition, owner) in owners where owner == member {
            owners[partition] = nil
            revoking.remove(partition)
        }
        return balance()
    }

    /// The member has answered a revocation.
    mutating func release(_ member: Member, _ given: [TopicPartition]) -> [Action] {
        for partition in given where owners[partition] == member && revoking.contains(partition) {
            owners[partition] = nil
            revoking.remove(partition)
        }
        return balance()
    }

    /// Topic by topic, so that each topic's load is even by itself; the remainder goes to another member each topic.
    private mutating func balance() -> [Action] {
        guard !members.isEmpty else { return [] }
        var assigned: [Member: [TopicPartition]] = [:]
        var revoked: [Member: [TopicPartition]] = [:]
        let topics = Dictionary(grouping: partitions, by: \.topic)
        for (index, topic) in topics.keys.sorted().enumerated() {
            let all = topics[topic] ?? []
            var quota: [Member: Int] = [:]
            for (place, member) in members.enumerated() {
                let turn = (place + index) % members.count
                quota[member] = all.count / members.count + (turn < all.count % members.count ? 1 : 0)
            }
            var free: [TopicPartition] = []
            for partition in all {
                guard let owner = owners[partition] else {
                    free.append(partition)
                    continue
                }
                // What is on its way out no longer counts for its owner.
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
