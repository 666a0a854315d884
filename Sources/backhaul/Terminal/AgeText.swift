import BackhaulUnits

/// Spans of time for people: the largest unit that counts, `45 s`, `12 min`, `7 h`, `3 days`.
enum AgeText {
    static func format(_ span: Duration) -> String {
        let seconds = max(0, span.components.seconds)
        switch seconds {
        case ..<120: return "\(seconds) s"
        case ..<7_200: return "\(seconds / 60) min"
        case ..<172_800: return "\(seconds / 3_600) h"
        default: return "\(seconds / 86_400) days"
        }
    }
}
