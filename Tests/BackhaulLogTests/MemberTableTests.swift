import BackhaulLog
import BackhaulTestKit
import Testing

@Suite("Member table")
struct MemberTableTests {
    private let place = TopicPartition(topic: "t", partition: 0)
    private var key: MemberTable.Key { MemberTable.Key(group: "g", partition: place) }

    private func intake(epoch: Int, position: GroupPosition = GroupPosition(frontier: 0), deliver count: Int64 = 0)
        throws -> PartitionIntake
    {
        var intake = PartitionIntake(group: "g", partition: place, epoch: epoch, delay: .zero, position: position)
        if count > 0 {
            intake.buffer =
                (0..<count).map { offset in
                    StoredRecord(
                        position: LogPosition(partition: place, offset: offset), appendedAt: 0,
                        record: LogRecord(value: []))
                }[...]
            _ = intake.take(limit: Int(count), now: 0)
        }
        return intake
    }

    private func unit(_ offset: Int64, epoch: Int) -> SettleUnit {
        SettleUnit(
            delivery: DeliveryReference(
                group: "g", position: LogPosition(partition: place, offset: offset), epoch: epoch),
            finishes: true, appends: [])
    }

    @Test func settlesDeliveriesOfHeldPartitions() throws {
        var table = MemberTable()
        table.held[key] = try intake(epoch: 1, deliver: 3)
        let decision = table.decide([unit(0, epoch: 1), unit(2, epoch: 1), unit(1, epoch: 7), unit(5, epoch: 1)])
        #expect(decision.outcomes == [.settled, .settled, .dropped, .dropped])
        #expect(decision.positions == [key: GroupPosition(frontier: 1, map: "1bQ")])
        table.apply(decision)
        #expect(table.decide([unit(2, epoch: 1)]).outcomes == [.dropped], "it is already finished")
    }

    /// A partition is lost and assigned again: deliveries that no other member finished are settled, not delivered
    /// again.
    @Test func keepsUnfinishedDeliveriesAcrossReassignment() throws {
        var table = MemberTable()
        table.held[key] = try intake(epoch: 1, deliver: 4)
        table.apply(table.decide([unit(0, epoch: 1)]))
        #expect(table.lose([place], of: "g") { _ in true }.isEmpty)
        #expect(table.decide([unit(1, epoch: 1)]).waits)
        // Another member finished 1 and 3 meanwhile.
        var back = try intake(epoch: 2, position: GroupPosition(frontier: 2, map: "1r1,1"))
        back.buffer =
            [2, 3, 4].map { offset in
                StoredRecord(
                    position: LogPosition(partition: place, offset: offset), appendedAt: 0, record: LogRecord(value: [])
                )
            }[...]
        #expect(table.assign([back], of: "g").isEmpty)
        let decision = table.decide([unit(1, epoch: 1), unit(2, epoch: 1), unit(3, epoch: 1)])
        #expect(decision.outcomes == [.dropped, .settled, .dropped])
        #expect(decision.positions == [key: GroupPosition(frontier: 4)])
        let turn = table.held[key]?.take(limit: 10, now: 0)
        #expect(turn?.deliveries.map(\.reference.position.offset) == [4], "2 is still held, 3 is finished")
        table.apply(decision)
        #expect(table.held[key]?.ledger.frontier == 4)
    }

    @Test func dropsDeliveriesOfReassignedPartitions() throws {
        var table = MemberTable()
        table.held[key] = try intake(epoch: 1, deliver: 2)
        _ = table.lose([place], of: "g") { _ in true }
        #expect(table.assign([], of: "g") == [place])
        #expect(table.decide([unit(0, epoch: 1)]).outcomes == [.dropped])
        // A partition that is not kept, or is being revoked, is dropped at once.
        table.held[key] = try intake(epoch: 3, deliver: 2)
        #expect(table.lose([place], of: "g") { _ in false } == [place])
        var leaving = try intake(epoch: 4, deliver: 2)
        leaving.isRevoking = true
        table.held[key] = leaving
        #expect(table.lose([place], of: "g") { _ in true } == [place])
    }

    /// After a commit without a response, the positions show whether it was written. Confirmed units are not sent
    /// again.
    @Test func positionsShowWhetherCommitWasWritten() throws {
        var table = MemberTable()
        table.held[key] = try intake(epoch: 1, deliver: 3)
        let decision = table.decide([unit(1, epoch: 1)])
        #expect(!MemberTable.isWritten(decision, at: [key: GroupPosition(frontier: 0)]))
        #expect(!MemberTable.isWritten(decision, at: [:]))
        #expect(MemberTable.isWritten(decision, at: [key: GroupPosition(frontier: 0, map: "1r1,1")]))
        #expect(MemberTable.isWritten(decision, at: [key: GroupPosition(frontier: 2)]))
        table.confirm(decision)
        let again = table.decide([unit(1, epoch: 1), unit(0, epoch: 1)])
        #expect(again.outcomes == [.settled, .settled])
        #expect(again.finished.map(\.position.offset) == [0], "what was confirmed is not written again")
        #expect(again.positions == [key: GroupPosition(frontier: 2)])
    }
}
