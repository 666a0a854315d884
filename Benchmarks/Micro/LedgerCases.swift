import BackhaulDomain
import BackhaulLog

/// The offset ledger and the partitioner, which settle and assign every record.
enum LedgerCases {
    static var all: [Case] {
        get throws {
            [
                // Delivers in order, finishes out of order within a window, and writes the position every 32 records.
                Case(name: "ledger-deliver-finish", guarded: 4_096) { count in
                    var ledger = OffsetLedger(GroupPosition(frontier: 0))
                    for offset in 0..<Int64(count) {
                        consume(ledger.deliver(offset))
                        let mirrored = offset ^ 31
                        if mirrored < offset {
                            ledger.finish(mirrored)
                            ledger.finish(offset)
                        }
                        if offset & 31 == 31 { consume(ledger.groupPosition) }
                    }
                },
                // A stuck head, and most of 5,000 records after it finished: writes the map's text and reads it again.
                Case(name: "ledger-map-text", guarded: 100) { count in
                    var ledger = OffsetLedger(GroupPosition(frontier: 0))
                    for offset in 0..<Int64(5_001) { _ = ledger.deliver(offset) }
                    for offset in 1..<Int64(5_001) where offset % 7 != 0 { ledger.finish(offset) }
                    for _ in 0..<count { consume(OffsetLedger(ledger.groupPosition)) }
                },
                Case(name: "partition-of-key", guarded: 1_000) { count in
                    let key = CodecCases.task.partitionKey
                    for _ in 0..<count { consume(Partitioner.partition(of: key, among: 48)) }
                },
            ]
        }
    }
}
