import BackhaulDomain
import BackhaulFiles
import BackhaulTestKit
import BackhaulTransfer
import BackhaulUnits
import Crypto
import Foundation
import Testing

@Suite("Digests of parts")
struct DigestTests {
    private func hex(_ kind: ChecksumKind, _ text: String) -> String { Hex.encode(kind.of(Array(text.utf8))) }

    /// The check values of the catalogue of parametrised CRC algorithms, and of RFC 1321.
    @Test func checkValues() {
        #expect(hex(.crc32c, "123456789") == "e3069283")
        #expect(hex(.crc64nvme, "123456789") == "ae8b14860a799888")
        #expect(hex(.md5, "message digest") == "f96b697d7cb7938d525a2f31aaf161d0")
        #expect(hex(.crc32c, "") == "00000000")
        #expect(Data(ChecksumKind.crc32c.of(Array("hello world".utf8))).base64EncodedString() == "yZRlqg==")
        #expect(Data(ChecksumKind.crc64nvme.of(Array("hello world".utf8))).base64EncodedString() == "jSnVw/bqjr4=")
    }

    /// Eight bytes a step and one by one give the same, at every length and alignment.
    @Test func stepsOfEightAreThoseOfOne() {
        for polynomial in [UInt64(0x9a6c_9329_ac4b_c9b5)] {
            var numbers = SeededNumbers(seed: 7)
            for length in 0..<40 {
                let bytes = (0..<length).map { _ in UInt8.random(in: 0...255, using: &numbers) }
                let value = bytes.reduce(UInt64.max) { value, byte in
                    (0..<8).reduce(value ^ UInt64(byte)) { value, _ in
                        value & 1 == 1 ? value >> 1 ^ polynomial : value >> 1
                    }
                }
                #expect(ChecksumKind.crc64nvme.of(bytes) == withUnsafeBytes(of: (~value).bigEndian) { Array($0) })
            }
        }
    }

    @Test func partsGiveTheWholeInOrder() async throws {
        try await withTemporaryFolder { folder in
            let bytes = (0..<1_000_003).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }
            try Data(bytes).write(to: URL(fileURLWithPath: folder + "/f"))
            let root = open(folder, O_RDONLY | O_DIRECTORY)
            defer { close(root) }
            let file = try SourceFile(path: "f", below: root)
            let digest = SourceDigest()
            var whole: String?
            var offset = 0
            for size in [300_000, 300_000, 400_003] {
                let found = try digest.read(
                    DigestRequest(
                        file: file, offset: ByteCount(clamping: offset), size: ByteCount(clamping: size),
                        checksum: .crc32c)
                ) { false }
                let part = Array(bytes[offset..<offset + size])
                #expect(found.sha256 == PartDigest.sha256(of: part))
                #expect(found.checksum == ChecksumKind.crc32c.of(part))
                whole = found.whole
                offset += size
            }
            #expect(whole == PartDigest.sha256(of: bytes))
            // Out of order, the whole is not known.
            let last = DigestRequest(file: file, offset: ByteCount(3), size: ByteCount(1_000_000))
            #expect(try SourceDigest().read(last) { false }.whole == nil)
            #expect(throws: CancellationError.self) { try SourceDigest().read(last) { true } }
        }
    }
}
