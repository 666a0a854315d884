package import BackhaulDomain
package import BackhaulLog
package import BackhaulUnits
internal import Foundation
internal import SwiftProtobuf

/// A record of the control topic: where an acknowledger serves the API for task owners, so that commands find it.
/// A tombstone removes it when the process stops; that of a killed process stays until another of its name starts.
package struct APIRecord: Hashable, Sendable {
    /// http or https, without a trailing slash.
    package var url: String
    /// The name of its machine: an address on loopback is for processes there.
    package var host: String
    package var startedAt: Timestamp

    package static let contentType = "application/x-protobuf;messageType=backhaul.v1.Control"
    private static let keyPrefix = "api/"
    private static let longestURL = 2_048

    package init(url: String, host: String, startedAt: Timestamp) {
        self.url = url
        self.host = host
        self.startedAt = startedAt
    }

    /// Whether the address means anything on a machine: one on loopback does on its own only.
    package func isReachable(from machine: String) -> Bool {
        !Self.isLoopback(url) || host == machine
    }

    /// Whether a URL is of this machine alone, by its text. A name that only begins like one is not.
    package static func isLoopback(_ url: String) -> Bool {
        guard let start = url.range(of: "://")?.upperBound else { return false }
        let authority = url[start...].prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        if authority.hasPrefix("[::1]") { return true }
        let name = authority.prefix { $0 != ":" }
        let parts = name.split(separator: ".", omittingEmptySubsequences: false)
        return name == "localhost" || parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil }
    }

    /// - Parameter process: a name that the process has in all its lives, such as its machine and port.
    package func request(_ process: String, _ layout: TopicLayout) throws -> AppendRequest {
        var message = Backhaul_V1_Control()
        message.api.url = url
        message.api.host = host
        message.api.atMs = startedAt.milliseconds
        return Self.request(
            LogRecord(
                key: Array((Self.keyPrefix + process).utf8), value: try message.serializedBytes(),
                headers: HeaderName.headers(contentType: Self.contentType)), layout)
    }

    /// Removes the record of a process that stops.
    package static func tombstone(_ process: String, _ layout: TopicLayout) -> AppendRequest {
        request(LogRecord(key: Array((keyPrefix + process).utf8), value: nil), layout)
    }

    private static func request(_ record: LogRecord, _ layout: TopicLayout) -> AppendRequest {
        AppendRequest(topic: layout.control, partitioning: .partition(0), record: record)
    }

    /// - Returns: the process, and where its API is; nil for that where the record removes it. nil for a record of
    ///   another kind, and for one with an address that is none.
    package static func read(_ record: LogRecord) -> (process: String, api: APIRecord?)? {
        guard let key = record.key, key.starts(with: keyPrefix.utf8) else { return nil }
        let process = String(decoding: key.dropFirst(keyPrefix.utf8.count), as: UTF8.self)
        guard let value = record.value else { return (process, nil) }
        guard let message = try? Backhaul_V1_Control(serializedBytes: value), case .api(let api)? = message.request,
            api.url.utf8.count <= longestURL, api.url.hasPrefix("http://") || api.url.hasPrefix("https://"),
            api.url.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f }), api.host.utf8.count <= Domain.longestLabel
        else { return nil }
        let startedAt = Timestamp(exactly: api.atMs) ?? .earliest
        return (process, APIRecord(url: api.url, host: api.host, startedAt: startedAt))
    }
}
