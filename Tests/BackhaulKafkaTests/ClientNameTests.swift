import Testing

@testable import BackhaulKafka

@Suite("The name of a process's clients")
struct ClientNameTests {
    /// A member is known by its transactional ids' beginning: no name may begin another's, nor be another's.
    @Test func noTwoProcessesShareOne() {
        let names = (0..<500).map { _ in KafkaOptions.clientName(role: "worker", host: "pod", process: 1) }
        #expect(Set(names).count == names.count)
        for name in names {
            #expect(names.filter { "\($0)-1".hasPrefix("\(name)-") } == [name])
        }
        // Process 1 must not count as process 12.
        let short = KafkaOptions.clientName(role: "worker", host: "pod", process: 1)
        #expect(!"\(KafkaOptions.clientName(role: "worker", host: "pod", process: 12))-1".hasPrefix("\(short)-"))
    }
}
