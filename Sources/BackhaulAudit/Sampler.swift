internal import BackhaulUnits

/// Chooses a share of a known number of things, one by one and each with the same probability
/// (Knuth, The Art of Computer Programming 2, 3.4.2, algorithm S).
struct Sampler<Numbers: RandomNumberGenerator> {
    private var left: Int
    private var wanted: Int
    private var numbers: Numbers

    /// - Parameter share: of `total` rounded up, so that of any number at least one is chosen.
    init(_ total: Int, share: Ratio, numbers: Numbers) {
        left = total
        wanted = min(total, Int((Double(total) * share.value).rounded(.up)))
        self.numbers = numbers
    }

    /// Whether the next thing is chosen.
    mutating func takes() -> Bool {
        guard wanted > 0, left > 0 else { return false }
        let isTaken = Int.random(in: 0..<left, using: &numbers) < wanted
        left -= 1
        if isTaken { wanted -= 1 }
        return isTaken
    }
}
