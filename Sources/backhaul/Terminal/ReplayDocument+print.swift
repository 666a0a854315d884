import BackhaulReplay
import BackhaulUnits

extension ReplayDocument {
    static let columns = ["id", "at", "by", "phase", "replayed", "of", "stored", "failed", "what"]

    var row: [String] {
        let what = "\(selection)\(destination.map { ", to \($0)" } ?? "")\(reason.isEmpty ? "" : ": \(reason)")"
        return [
            id, at, by, phase, action == "discard" ? "-" : "\(replayed)", "\(planned)", "\(succeeded)", "\(failed)",
            action == "discard" ? "discards \(what)" : what,
        ]
    }

    func print() {
        Output.table([
            ["replay", id], ["action", action], ["what", selection], ["by", by], ["at", at],
            ["reason", reason.isEmpty ? "-" : reason], ["destination", destination ?? "as before"],
            ["phase", phase + (phaseReason.isEmpty ? "" : ": \(phaseReason)")], ["since", changedAt],
            ["planned", "\(planned) tasks (\(SizeText.format(ByteCount(plannedBytes))))"],
            ["replayed", "\(replayed) (\(SizeText.format(ByteCount(replayedBytes))))"],
            ["left out", "\(skipped)"], ["without a task", "\(malformed)"], ["stored", "\(succeeded)"],
            ["failed", "\(failed)"], ["cancelled or expired", "\(otherResults)"],
            ["run by", process.isEmpty ? "-" : process],
        ])
    }
}
