import Testing

@testable import BackhaulKafka

@Suite("Kafka client names")
struct ClientNameTests {
    /// The prefix of its transactional ids identifies a member: no name may equal another or be a prefix of it.
    @Test func clientNamesAreUniqueAndPrefixFree() {
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
