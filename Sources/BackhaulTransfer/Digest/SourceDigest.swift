internal import BackhaulDomain
internal import BackhaulFiles
internal import BackhaulUnits
internal import Crypto
internal import Synchronization

/// Reads and hashes the parts of one source, and hashes the whole along with them as long as they come in order.
package final class SourceDigest: Sendable {
    private struct State: Sendable {
        var whole = SHA256()
        var checksum: Checksum?
        /// How much of the source `whole` has.
        var done = ByteCount.zero
    }

    private let state = Mutex(State())

    private static let chunk = ByteCount(256 << 10)

    package init() {}

    /// Blocks.
    /// - Parameter isCancelled: asked between two reads; a cancelled one throws `CancellationError`.
    /// - Throws: `SourceFile.ReadError`.
    package func read(_ request: DigestRequest, isCancelled: () -> Bool) throws -> PartDigest {
        let file = request.file
        let isWhole = request.offset == .zero && request.size == file.size
        var before = isWhole ? nil : state.withLock { $0.done == request.offset ? $0 : nil }
        if request.offset == .zero { before?.checksum = request.checksum.map(Checksum.init) }
        var hash = SHA256()
        var checksum = request.checksum.map(Checksum.init)
        var md5 = request.hasMD5 ? Checksum(.md5) : nil
        var offset = ByteCount.zero
        while offset < request.size {
            if isCancelled() { throw CancellationError() }
            let bytes = try file.read(
                at: request.offset + offset, size: min(Self.chunk, request.size - offset))
            bytes.withUnsafeBytes { bytes in
                hash.update(bufferPointer: bytes)
                before?.whole.update(bufferPointer: bytes)
                before?.checksum?.update(bytes)
                checksum?.update(bytes)
                md5?.update(bytes)
            }
            offset += ByteCount(clamping: bytes.count)
        }
        try file.checkUnchanged()
        var digest = PartDigest(sha256: Hex.encode(hash.finalize()), checksum: checksum?.finish(), md5: md5?.finish())
        let end = request.offset + request.size
        if var before {
            before.done = end
            state.withLock { $0 = before }
            guard end == file.size else { return digest }
            digest.whole = Hex.encode(before.whole.finalize())
            digest.wholeChecksum = before.checksum?.finish()
        } else if isWhole {
            digest.whole = digest.sha256
            digest.wholeChecksum = digest.checksum
        }
        return digest
    }
}
