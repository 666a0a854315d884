import BackhaulLog
import Testing

@testable import BackhaulKafka

@Suite("Overdue transactions")
struct OpenTransactionsTests {
    private let place = TopicPartition(topic: "t", partition: 0)
    private let other = TopicPartition(topic: "t", partition: 1)
    private let start = ContinuousClock.now
    private let patience = Duration.seconds(1)

    private func mark(_ offset: Int64, _ writer: String? = "w") -> OpenTransactions.Mark {
        OpenTransactions.Mark(offset: offset, writer: writer)
    }

    @Test func transactionAtSameOffsetBecomesOverdue() {
        var open = OpenTransactions()
        #expect(open.overdue([place: mark(5)], at: start, patience: patience).isEmpty)
        #expect(open.overdue([place: mark(5)], at: start + .milliseconds(999), patience: patience).isEmpty)
        #expect(open.overdue([place: mark(5)], at: start + .seconds(1), patience: patience) == ["w"])
    }

    /// The owner settles repeatedly: each scan finds another transaction.
    @Test func newTransactionIsNotOverdue() {
        var open = OpenTransactions()
        for second in 0..<5 {
            let now = start + .seconds(second)
            #expect(open.overdue([place: mark(Int64(second))], at: now, patience: patience).isEmpty)
        }
    }

    /// The transaction was decided in between: one that is open later is another writer's or began later.
    @Test func decidedTransactionIsNotOverdue() {
        var open = OpenTransactions()
        _ = open.overdue([place: mark(5), other: mark(7)], at: start, patience: patience)
        _ = open.overdue([other: mark(7)], at: start + .milliseconds(500), patience: patience)
        let found = open.overdue([place: mark(5), other: mark(7, "v")], at: start + .seconds(2), patience: patience)
        #expect(found.isEmpty)
    }

    @Test func unknownWriterIsNotOverdue() {
        var open = OpenTransactions()
        _ = open.overdue([place: mark(5, nil)], at: start, patience: patience)
        #expect(open.overdue([place: mark(5, nil)], at: start + .seconds(9), patience: patience).isEmpty)
    }
}
