internal import BackhaulDomain
package import BackhaulTelemetry
internal import Synchronization

/// The breakers of a process's workers that are open, for people and for alerts.
package final class OpenBreakers: Sendable {
    private struct Name: Hashable {
        var isRoot: Bool
        var name: ByteText
    }

    /// By name and by the lane whose breaker it is.
    private let open = Mutex<[Name: [String: Failure]]>([:])

    /// URLs name any number of places: beyond this many names, a metric has no more.
    private static let most = 100

    package init() {}

    func opened(_ isRoot: Bool, _ name: ByteText, lane: String, _ failure: Failure) {
        open.withLock { $0[Name(isRoot: isRoot, name: name), default: [:]][lane] = failure }
    }

    func closed(_ isRoot: Bool, _ name: ByteText, lane: String) {
        let name = Name(isRoot: isRoot, name: name)
        open.withLock { open in
            open[name]?[lane] = nil
            if open[name]?.isEmpty ?? false { open[name] = nil }
        }
    }

    /// The lane has ended.
    func forget(lane: String) {
        open.withLock { open in
            for name in open.keys { open[name]?[lane] = nil }
            open = open.filter { !$0.value.isEmpty }
        }
    }

    package var family: MetricFamily {
        let names = open.withLock { $0.keys.sorted { ($0.isRoot ? 1 : 0, $0.name) < ($1.isRoot ? 1 : 0, $1.name) } }
        return MetricFamily(
            "backhaul_breaker_open",
            "1 for each destination and each source root whose tasks wait because it fails.", .gauge,
            names.prefix(Self.most).map {
                .init(1, [.init("of", $0.isRoot ? "root" : "destination"), .init("name", $0.name.text)])
            })
    }

    /// One sentence for each; nil for none.
    var remark: String? {
        let open = open.withLock { open in open.map { ($0.key, $0.value.values.first) } }
        guard !open.isEmpty else { return nil }
        let sentences = open.sorted { $0.0.name < $1.0.name }.prefix(5).map { name, failure in
            "\(name.isRoot ? "root" : "destination") \(name.name) fails and its tasks wait: "
                + (failure.map { "\($0)" } ?? "")
        }
        return sentences.joined(separator: "; ") + (open.count > 5 ? "; and \(open.count - 5) more" : "")
    }
}
