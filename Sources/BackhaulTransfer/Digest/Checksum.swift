internal import Crypto

/// A checksum in progress.
struct Checksum: Sendable {
    private enum State: Sendable {
        case md5(Insecure.MD5)
        case crc32c(CyclicRedundancy<UInt32>)
        case crc64nvme(CyclicRedundancy<UInt64>)
    }

    private var state: State

    init(_ kind: ChecksumKind) {
        state =
            switch kind {
            case .md5: .md5(Insecure.MD5())
            case .crc32c: .crc32c(CyclicRedundancy(crc32cTable))
            case .crc64nvme: .crc64nvme(CyclicRedundancy(crc64nvmeTable))
            }
    }

    mutating func update(_ bytes: UnsafeRawBufferPointer) {
        switch state {
        case .md5(var hash):
            hash.update(bufferPointer: bytes)
            state = .md5(hash)
        case .crc32c(var sum):
            sum.update(bytes)
            state = .crc32c(sum)
        case .crc64nvme(var sum):
            sum.update(bytes)
            state = .crc64nvme(sum)
        }
    }

    /// The checksum, its first byte the most significant.
    func finish() -> [UInt8] {
        switch state {
        case .md5(let hash): Array(hash.finalize())
        case .crc32c(let sum): sum.bytes
        case .crc64nvme(let sum): sum.bytes
        }
    }
}

private let crc32cTable = RedundancyTable<UInt32>(polynomial: 0x82f6_3b78)
private let crc64nvmeTable = RedundancyTable<UInt64>(polynomial: 0x9a6c_9329_ac4b_c9b5)
