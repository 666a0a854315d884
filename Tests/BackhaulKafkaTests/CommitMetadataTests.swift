import Testing

@testable import BackhaulKafka

@Suite("Commit metadata")
struct CommitMetadataTests {
    @Test(arguments: [
        CommitMetadata(map: "", writer: nil), CommitMetadata(map: "1r1,5000", writer: nil),
        CommitMetadata(map: "", writer: "backhaul.backhaul-worker-a-1"), CommitMetadata(map: "1b-_A", writer: "x@y"),
    ])
    func commitMetadataRoundTrips(_ metadata: CommitMetadata) {
        #expect(CommitMetadata(text: metadata.text) == metadata)
    }

    /// The format of earlier versions and of at-least-once delivery.
    @Test func mapWithoutWriterIsRead() {
        #expect(CommitMetadata(text: "1r1,5000") == CommitMetadata(map: "1r1,5000"))
        #expect(CommitMetadata(text: "1r1@") == CommitMetadata(map: "1r1"))
        #expect(CommitMetadata(text: "@") == CommitMetadata(map: ""))
    }

    /// Brokers refuse more than 4096 bytes, which would stop all settlement.
    @Test func writerIsOmittedAboveMetadataLimit() {
        let map = String(repeating: "A", count: 4_090)
        #expect(CommitMetadata(map: map, writer: "12345").text == map + "@12345")
        #expect(CommitMetadata(map: map, writer: "123456").text == map)
    }
}
