import BackhaulKafka
import BackhaulLog
import Testing

@Suite("librdkafka versions")
struct VersionTests {
    @Test(arguments: [0x0200_02ff, 0x0201_01ff, 0x020a_00ff, 0x0210_00ff] as [Int32])
    func supportedLibrdkafkaVersionsAreAccepted(_ version: Int32) throws {
        try KafkaLog.checkVersion(version)
    }

    /// 2.1.0 evicts live members; versions below 2.0.2 are untested.
    @Test(arguments: [0x0201_00ff, 0x0200_01ff, 0x0109_02ff] as [Int32])
    func unsupportedLibrdkafkaVersionsAreRefused(_ version: Int32) {
        #expect {
            try KafkaLog.checkVersion(version)
        } throws: { error in
            if case LogError.unsupported(let reason) = error { reason.contains("install") } else { false }
        }
    }
}
