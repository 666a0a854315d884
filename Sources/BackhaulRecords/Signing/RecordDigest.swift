internal import Crypto

/// The digest of a record under a secret, fed part by part.
struct RecordDigest {
    private var code: HMAC<SHA256>

    init(_ secret: SymmetricKey) { code = HMAC(key: secret) }

    /// - Parameter part: nil for null, which differs from empty.
    mutating func add(_ part: [UInt8]?) {
        let length = part.map { UInt32(clamping: $0.count) } ?? .max
        withUnsafeBytes(of: length.bigEndian) { code.update(data: $0) }
        if let part { code.update(data: part) }
    }

    var bytes: [UInt8] { Array(code.finalize()) }

    /// Compares in constant time.
    func isValid(_ expected: some Collection<UInt8>) -> Bool {
        let digest = bytes
        guard expected.count == digest.count else { return false }
        return zip(digest, expected).reduce(0) { $0 | ($1.0 ^ $1.1) } == 0
    }
}
