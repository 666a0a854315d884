/// Why results cannot be exported.
package enum ExportError: Error, Hashable, Sendable, CustomStringConvertible {
    case folder(String, reason: String)
    /// Another process exports into the folder.
    case inUse(String)
    /// The state is not one that this program wrote.
    case state(String)
    /// The folder belongs to the results of another log.
    case otherLog(folder: String, was: String)
    /// The log no longer has results that were not exported.
    case gone(partition: Int, from: Int64, earliest: Int64)

    package var description: String {
        switch self {
        case .folder(let path, let reason): "\(path): \(reason)"
        case .inUse(let path): "another process exports into \(path); let it end, or choose another folder"
        case .state(let path):
            "\(path) is not the state of an export; restore it, or export everything into a new folder"
        case .otherLog(let folder, let was):
            "\(folder) has the results of \(was); choose another folder for those of this log"
        case .gone(let partition, let from, let earliest):
            "the log has removed results \(from) to \(earliest - 1) of partition \(partition) before they were exported "
                + "(retention.results); --skip-gone goes on behind them"
        }
    }
}
