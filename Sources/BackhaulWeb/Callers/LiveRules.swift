internal import Synchronization

/// What callers may name, as currently configured.
package final class LiveRules: Sendable {
    private let current: Mutex<IngestRules>

    package init(_ rules: IngestRules) { current = Mutex(rules) }

    package var rules: IngestRules { current.withLock { $0 } }

    package func replace(_ rules: IngestRules) { current.withLock { $0 = rules } }
}
