internal import BackhaulDomain
internal import BackhaulFiles
internal import BackhaulUnits
internal import Crypto
internal import Foundation

/// Feeds a request's body to libcurl: bytes in memory directly, a file read and hashed ahead on the file threads,
/// so that the loop's thread only copies.
///
/// Interleaving:
/// 1. The loop's read callback takes from `ready` and starts a reading job when there is room; at most one job
///    runs.
/// 2. When nothing is ready, the callback sets `isPaused` under the lock and then pauses the transfer.
/// 3. The job that next adds a chunk finds `isPaused` under the same lock, clears it and requests the resume. This
///    may come before the pause takes effect, so only the loop's thread carries it out, after the callback has
///    returned.
/// 4. A rewind (libcurl sends again on a new connection) increments `round`. The job sees this under the lock,
///    discards what it has just read, and begins at 0 with a new hash.
///
/// Unchecked: `lock` guards everything mutable; `hash` belongs to the running job.
final class BodyFeeder: @unchecked Sendable {
    enum Take {
        case bytes(Int)
        case paused
        case failed
    }

    private let body: TransferBody
    private let pool: ReaderPool
    private let progress: TransferProgress?
    /// Where the body begins in its file.
    private let start: ByteCount
    private let onReady: @Sendable () -> Void
    /// Bytes read, hashed and handed over in one step. libcurl's own buffer has the same size: a chunk that leaves
    /// it half empty costs a second turn. An upload holds three such buffers, so small files, of which many run at
    /// a time, use small ones.
    let chunkSize: Int

    private let lock = NSLock()
    private var ready: [[UInt8]] = []
    private var headOffset = 0
    private var round = 0
    private var nextRead: UInt64 = 0
    private var isReading = false
    private var isPaused = false
    private var handedOver: UInt64 = 0
    private var digest: String?
    private var error: TransferError?

    /// Chunks read ahead: one being sent, one ready, one being read.
    private static let depth = 2

    /// - Parameter onReady: called from a file thread when a paused transfer may resume.
    init(_ body: TransferBody, pool: ReaderPool, progress: TransferProgress?, onReady: @escaping @Sendable () -> Void) {
        self.body = body
        self.pool = pool
        self.progress = progress
        self.onReady = onReady
        chunkSize = body.size < ByteCount(64 << 20) ? 64 << 10 : 384 << 10
        start = if case .slice(let slice) = body { slice.offset } else { .zero }
        digest =
            switch body {
            case .bytes(let loaded): loaded.sha256
            case .none, .file, .slice: body.size == .zero ? PartDigest.sha256(of: []) : nil
            }
    }

    var failure: TransferError? { lock.withLock { error } }
    /// SHA-256 of the whole body, lower-case hex; nil until it is read to its end.
    var sha256: String? { lock.withLock { digest } }
    /// Whether every byte was handed to libcurl.
    var isDrained: Bool { lock.withLock { handedOver == body.size.bytes } }

    /// Fills libcurl's buffer. Called on the loop's thread.
    func take(into buffer: UnsafeMutableRawBufferPointer) -> Take {
        switch body {
        case .none:
            return .bytes(0)
        case .bytes(let loaded):
            return lock.withLock {
                let count = min(buffer.count, loaded.bytes.count - Int(handedOver))
                copy(loaded.bytes, from: Int(handedOver), count, to: buffer)
                return .bytes(count)
            }
        case .file, .slice:
            guard let file = body.file else { return .failed }
            let (take, mustRead) = lock.withLock { () -> (Take, Bool) in
                if error != nil { return (.failed, false) }
                guard let head = ready.first else {
                    if handedOver == body.size.bytes { return (.bytes(0), false) }
                    isPaused = true
                    return (.paused, startsReading(file))
                }
                let count = min(buffer.count, head.count - headOffset)
                copy(head, from: headOffset, count, to: buffer)
                headOffset += count
                if headOffset == head.count {
                    ready.removeFirst()
                    headOffset = 0
                }
                return (.bytes(count), startsReading(file))
            }
            if mustRead { pool.submit { self.readAhead(file) } }
            return take
        }
    }

    /// Restarts the body from its first byte. Called on the loop's thread.
    func rewind() {
        let sent = lock.withLock {
            round += 1
            ready = []
            headOffset = 0
            nextRead = 0
            if body.file != nil, body.size > .zero { digest = nil }
            defer { handedOver = 0 }
            return handedOver
        }
        progress?.take(back: Int(clamping: sent))
    }

    private func copy(_ bytes: [UInt8], from start: Int, _ count: Int, to buffer: UnsafeMutableRawBufferPointer) {
        bytes.withUnsafeBytes { source in
            buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: source[start..<start + count]))
        }
        handedOver += UInt64(count)
        progress?.add(count)
    }

    private func startsReading(_ file: SourceFile) -> Bool {
        guard !isReading, ready.count < Self.depth, nextRead < body.size.bytes else { return false }
        isReading = true
        return true
    }

    private func readAhead(_ file: SourceFile) {
        var hash = SHA256()
        if let kept = lock.withLock({ () -> SHA256? in
            let kept = hashSoFar
            hashSoFar = nil
            return kept
        }) {
            hash = kept
        }
        var hashedRound = lock.withLock { hashRound }
        while true {
            let step = lock.withLock { () -> (round: Int, offset: UInt64)? in
                guard error == nil, ready.count < Self.depth, nextRead < body.size.bytes else {
                    // Kept for the next job, which detects a rewind in between by the round.
                    hashSoFar = hash
                    hashRound = hashedRound
                    isReading = false
                    return nil
                }
                return (round, nextRead)
            }
            guard let step else { return }
            if step.round != hashedRound {
                hash = SHA256()
                hashedRound = step.round
            }
            let rest = body.size - ByteCount(step.offset)
            let size = min(ByteCount(clamping: chunkSize), rest)
            do throws(SourceFile.ReadError) {
                let chunk = try file.read(at: start + ByteCount(step.offset), size: size)
                var next = hash
                next.update(data: chunk)
                let isLast = size == rest
                // The last chunk is held back until the file proves unchanged: a server that stores only whole
                // bodies then never stores a mixture.
                if isLast { try file.checkUnchanged() }
                let digest = isLast ? Hex.encode(next.finalize()) : nil
                let resumes = lock.withLock {
                    guard round == step.round else { return false }
                    hash = next
                    ready.append(chunk)
                    nextRead += size.bytes
                    if let digest { self.digest = digest }
                    defer { isPaused = false }
                    return isPaused
                }
                if resumes { onReady() }
            } catch {
                let resumes = lock.withLock {
                    self.error = TransferError(error)
                    isReading = false
                    defer { isPaused = false }
                    return isPaused
                }
                if resumes { onReady() }
                return
            }
        }
    }

    /// The hash between two jobs, and the round that it belongs to.
    private var hashSoFar: SHA256?
    private var hashRound = 0
}
