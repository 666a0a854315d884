internal import BackhaulUnits

/// Reads and writes the dates of HTTP headers.
enum HTTPDate {
    private static let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]

    /// `06-Nov-1994-08:49:37-GMT`, with the separator that is given.
    static func text(_ time: Timestamp, separator: String) -> String {
        let text = TimeText.format(time)
        let parts = text.prefix(10).split(separator: "-")
        let month = parts.count == 3 ? Int(parts[1]).flatMap { (1...12).contains($0) ? months[$0 - 1] : nil } : nil
        let clock = text.dropFirst(11).prefix(8)
        return [String(parts.last ?? ""), month ?? "", String(parts.first ?? ""), String(clock), "GMT"].joined(
            separator: separator)
    }

    /// `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110, section 5.6.7, the form that servers have to send).
    /// - Returns: nil for another text.
    static func parse(_ text: String) -> Timestamp? {
        let parts = text.split(separator: " ")
        guard parts.count == 6, parts[5] == "GMT", let month = months.firstIndex(of: String(parts[2])) else {
            return nil
        }
        let number = month < 9 ? "0\(month + 1)" : "\(month + 1)"
        return TimeText.parse("\(parts[3])-\(number)-\(parts[1])T\(parts[4])Z")?.timestamp
    }
}
