internal import Foundation

/// Checks at start that the file descriptors suffice for the concurrency, to avoid EMFILE under load.
package enum DescriptorBudget {
    /// A transfer holds its file and its socket, or its file and the folder's root, `.backhaul-tmp`, parent and
    /// temporary file.
    private static let perTransfer = 6
    private static let spareConnections = 256
    /// Connections to a server of health and metrics.
    package static let healthConnections = 256
    /// The store, sockets, pipes and the runtime's own.
    private static let base = 128

    package struct ShortageError: Error, Hashable, Sendable, CustomStringConvertible {
        package let needed: Int
        package let limit: Int
        package var description: String {
            "\(needed) file descriptors may be needed at once, the limit is \(limit); "
                + "raise it (ulimit -n, LimitNOFILE) or lower limits.uploads or api.connections"
        }
    }

    /// The descriptors that may be open at once.
    /// - Parameter connections: maximum connections of each server, of which uploads must not run short.
    package static func needed(transfers: Int, connections: [Int]) -> Int {
        // Connections that close for new ones are briefly beyond their limit.
        base + perTransfer * transfers + connections.reduce(0) { $0 + $1 + spareConnections }
    }

    /// Raises the soft limit as far as needed and allowed.
    /// - Throws: `ShortageError`.
    /// - Parameter connections: maximum connections of each server.
    package static func require(transfers: Int, connections: [Int]) throws(ShortageError) {
        let needed = needed(transfers: transfers, connections: connections)
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
        guard limit.rlim_cur < rlim_t(needed) else { return }
        var raised = limit
        raised.rlim_cur = min(rlim_t(needed), limit.rlim_max)
        _ = setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &raised)
        guard raised.rlim_cur >= rlim_t(needed) else {
            throw ShortageError(needed: needed, limit: Int(raised.rlim_cur))
        }
    }
}
