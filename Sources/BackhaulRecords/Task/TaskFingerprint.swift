package import BackhaulDomain
internal import Crypto

/// What a submission says, in 16 bytes: the same identity with another fingerprint is a conflict.
package enum TaskFingerprint {
    /// Of everything but what does not make it another submission: when it came, under which label, how long it may take.
    package static func of(_ task: UploadTask) throws -> [UInt8] {
        var content = task
        content.acceptedAt = 0
        content.batch = ""
        content.deadline = nil
        return Array(SHA256.hash(data: try TaskCodec.encode(content)).prefix(16))
    }
}
