package import BackhaulUnits

/// What a new object is given.
package struct S3Object: Hashable, Sendable {
    /// With the destination's prefix.
    package var key: String
    package var contentType: String
    package var modifiedAt: FileTime?
    /// Whether it must not replace one.
    package var onlyIfAbsent: Bool

    package init(key: String, contentType: String = "", modifiedAt: FileTime? = nil, onlyIfAbsent: Bool = false) {
        self.key = key
        // libcurl leaves a header out whose value is blank, and the signature would not match.
        let isBlank = contentType.utf8.allSatisfy { $0 <= 0x20 }
        self.contentType = isBlank ? "application/octet-stream" : contentType
        self.modifiedAt = modifiedAt
        self.onlyIfAbsent = onlyIfAbsent
    }

    /// The headers of the request that creates it.
    func headers(_ destination: S3Destination) -> [(name: String, value: String)] {
        var headers = [("Content-Type", contentType)]
        // As rclone writes and reads it.
        if let modifiedAt {
            let (seconds, nanoseconds) = modifiedAt.parts
            let digits = String(nanoseconds)
            headers.append(
                ("x-amz-meta-mtime", "\(seconds).\(String(repeating: "0", count: 9 - digits.count))\(digits)"))
        }
        if !destination.storageClass.isEmpty { headers.append(("x-amz-storage-class", destination.storageClass)) }
        if destination.encryption != .none {
            headers.append(("x-amz-server-side-encryption", destination.encryption.rawValue))
        }
        if !destination.kmsKey.isEmpty {
            headers.append(("x-amz-server-side-encryption-aws-kms-key-id", destination.kmsKey))
        }
        if !destination.tags.isEmpty { headers.append(("x-amz-tagging", destination.tags)) }
        return headers
    }

    /// RFC 9110, section 13.1.2: of the request that makes it visible.
    var condition: [(name: String, value: String)] { onlyIfAbsent ? [("If-None-Match", "*")] : [] }
}
