internal import BackhaulUnits

/// Rules for accepting a task. Records are checked against them too, since anyone may write to a topic.
package enum TaskRules {
    /// Why something is not a valid task.
    package struct InvalidTaskError: Error, Hashable, Sendable, CustomStringConvertible {
        /// A stable code for programs.
        package var code: String
        /// A sentence for people.
        package var message: String

        package init(_ code: String, _ message: String) {
            self.code = code
            self.message = message
        }

        package var description: String { "\(message) (\(code))" }
    }

    package static let largestKey = 1_024
    package static let largestPath = 4_096

    /// - Throws: the first `InvalidTaskError` found.
    package static func check(_ task: UploadTask) throws(InvalidTaskError) {
        try checkTenant(task.identity.tenant)
        try checkID(task.identity.id)
        try checkBatch(task.batch)
        try check(task.source)
        try checkKey(task.destination.key)
        switch task.destination.target {
        case .named(let name): try checkName(name, what: "destination")
        case .url(let url): try checkURL(url)
        }
        guard task.contentType.utf8.count <= 256, task.contentType.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7f }) else {
            throw InvalidTaskError(
                "bad-content-type", "the content type must be at most 256 printable ASCII characters")
        }
        if let name = task.submitter?.name {
            guard name.utf8.count <= Domain.longestLabel, !hasControl(name) else {
                throw InvalidTaskError(
                    "bad-submitter", "a submitter has at most \(Domain.longestLabel) bytes and no control characters")
            }
        }
        guard task.size <= Domain.largestFile else {
            throw InvalidTaskError(
                "bad-size", "a file has at most \(Domain.largestFile.bytes) bytes (8 PiB), not \(task.size.bytes)")
        }
    }

    /// A source of a task.
    package static func check(_ source: SourceReference) throws(InvalidTaskError) {
        try checkName(source.root, what: "root")
        try checkPath(source.path, code: "bad-path", what: "source path", limit: largestPath)
    }

    package static func checkTenant(_ tenant: ByteText) throws(InvalidTaskError) {
        try checkName(tenant, what: "tenant")
    }

    /// - Throws: `InvalidTaskError` with code `bad-key`.
    package static func checkKey(_ key: ByteText) throws(InvalidTaskError) {
        try checkPath(key, code: "bad-key", what: "key", limit: largestKey)
    }

    package static func checkBatch(_ batch: ByteText) throws(InvalidTaskError) {
        guard batch.utf8.count <= 128, !hasControl(batch) else {
            throw InvalidTaskError("bad-batch", "a batch has at most 128 bytes and no control characters")
        }
    }

    package static func checkID(_ id: ByteText) throws(InvalidTaskError) {
        let isPlain = id.withBytes { $0.allSatisfy { $0 > 0x20 && $0 < 0x7f && $0 != UInt8(ascii: "/") } }
        guard !id.isEmpty, id.utf8.count <= 128, isPlain else {
            throw InvalidTaskError("bad-id", "a task id has 1 to 128 printable ASCII characters, no blank and no '/'")
        }
    }

    package static func checkName(_ name: ByteText, what: String) throws(InvalidTaskError) {
        let isPlain = name.withBytes { bytes in
            bytes.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
                    true
                default: false
                }
            }
        }
        guard !name.isEmpty, name.utf8.count <= 64, isPlain, name.utf8.first != UInt8(ascii: ".") else {
            throw InvalidTaskError(
                "bad-\(what)", "a \(what) name has 1 to 64 characters of A-Z a-z 0-9 . _ - and does not begin with '.'")
        }
    }

    /// Checks a relative path that must stay below its root: no `.`, `..` or empty component, no control character.
    package static func checkPath(_ path: ByteText, code: String, what: String, limit: Int) throws(InvalidTaskError) {
        guard !path.isEmpty, path.utf8.count <= limit else {
            throw InvalidTaskError(code, "the \(what) must have 1 to \(limit) bytes")
        }
        guard !hasControl(path) else {
            throw InvalidTaskError(
                code, "the \(what) contains a control character (such as a newline or NUL); rename the file")
        }
        guard path.withBytes(hasPlainComponents) else {
            throw InvalidTaskError(code, "the \(what) must be relative, without empty, '.' or '..' components")
        }
    }

    /// Whether no component is empty, `.` or `..`. Compares bytes: a "/" followed by a combining mark is another
    /// Character, but still a "/" to the kernel. One pass, since every record is checked several times.
    private static func hasPlainComponents(_ path: UnsafeBufferPointer<UInt8>) -> Bool {
        var length = 0
        var dots = 0
        for byte in path {
            if byte == UInt8(ascii: "/") {
                if length == dots, length <= 2 { return false }
                length = 0
                dots = 0
            } else {
                length += 1
                if byte == UInt8(ascii: ".") { dots += 1 }
            }
        }
        return length != dots || length > 2
    }

    /// Checks a destination's label in outcomes and results: its name, or the base URL.
    package static func checkLabel(_ label: ByteText) throws(InvalidTaskError) {
        if label.utf8.contains(UInt8(ascii: ":")) {
            try checkURL(label)
        } else {
            try checkName(label, what: "destination")
        }
    }

    /// Checks a base URL that a submitter chose. The engine parses it again with the parser that it connects with.
    package static func checkURL(_ url: ByteText) throws(InvalidTaskError) {
        // Bytes, since every task is checked several times, and Characters cost a hundred times as much.
        let utf8 = url.utf8
        let scheme = utf8.prefix { $0 != UInt8(ascii: ":") }
        guard ["http", "https"].contains(where: { isSame(scheme, $0) }),
            utf8.dropFirst(scheme.count).starts(with: "://".utf8)
        else {
            throw InvalidTaskError("bad-url", "a destination URL begins with http:// or https://")
        }
        guard utf8.count <= 2_048, utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f && $0 != UInt8(ascii: "\\") })
        else {
            throw InvalidTaskError(
                "bad-url", "a destination URL has at most 2048 printable ASCII characters, no blank, no '\\'")
        }
        let authority = utf8.dropFirst(scheme.count + 3).prefix {
            $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: "?") && $0 != UInt8(ascii: "#")
        }
        guard !authority.isEmpty else { throw InvalidTaskError("bad-url", "the destination URL has no host") }
        guard !authority.contains(UInt8(ascii: "@")) else {
            throw InvalidTaskError(
                "url-user-info",
                "a destination URL must not have a user name or password; put credentials into a configured destination"
            )
        }
        guard !utf8.contains(UInt8(ascii: "?")), !utf8.contains(UInt8(ascii: "#")) else {
            throw InvalidTaskError(
                "url-query",
                "a destination URL must not have a query or fragment: a presigned query is a credential and is never "
                    + "written to the log; configure a destination instead")
        }
    }

    /// Whether two ASCII words are equal except for case.
    private static func isSame(_ word: Substring.UTF8View, _ lowered: String) -> Bool {
        word.elementsEqual(lowered.utf8) { $0 | 0x20 == $1 }
    }

    /// Whether the text contains C0, DEL or C1; C1 is two bytes in UTF-8, C2 80 to C2 9F.
    private static func hasControl(_ text: ByteText) -> Bool {
        text.withBytes { bytes in
            var last: UInt8 = 0
            for byte in bytes {
                if byte < 0x20 || byte == 0x7f || (last == 0xc2 && byte < 0xa0) { return true }
                last = byte
            }
            return false
        }
    }
}
