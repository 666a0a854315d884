import BackhaulUnits
import BackhaulView
import Foundation

/// How far an upload has come, for people.
enum ProgressText {
    /// Such as `12.0 MiB of 40.0 MiB (30 %)`; nil when its worker has not said.
    static func of(_ task: TaskStatus) -> String? {
        guard let sent = task.bytesSent, task.size > .zero else { return nil }
        let percent = Int(100 * min(1, Double(sent.bytes) / Double(task.size.bytes)))
        return "\(SizeText.format(sent)) of \(SizeText.format(task.size)) (\(percent) %)"
    }
}
