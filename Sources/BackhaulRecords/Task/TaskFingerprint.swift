package import BackhaulDomain
internal import BackhaulUnits
internal import Crypto

/// The content of a submission in 16 bytes: the same identity with another fingerprint is a conflict.
package enum TaskFingerprint {
    package static let size = 16

    /// Hashes everything but acceptance time, batch, deadline and submitter, which do not make it another submission.
    package static func of(_ task: UploadTask) throws -> [UInt8] {
        var content = task
        content.acceptedAt = .earliest
        content.batch = ""
        content.deadline = nil
        content.submitter = nil
        return Array(SHA256.hash(data: try TaskCodec.encode(content)).prefix(size))
    }
}
