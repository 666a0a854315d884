/// The id of a replay: what a person reads, types and finds in results.
package enum ReplayName {
    /// Maximum bytes.
    package static let longest = 64

    /// Lower-case letters, digits, hyphens and dots; nothing that a shell, a path or a header needs to quote.
    package static func isValid(_ id: String) -> Bool {
        (1...longest).contains(id.utf8.count)
            && id.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
                    UInt8(ascii: "-"), UInt8(ascii: "."):
                    true
                default: false
                }
            }
    }
}
