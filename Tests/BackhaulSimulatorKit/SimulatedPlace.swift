import BackhaulUnits

/// A destination of the simulation.
struct SimulatedPlace {
    enum Mood: CaseIterable {
        case works
        case unreachable
        case refuses
        case answers404
        case throttles
        /// Answers nothing.
        case hangs
        case flickers
        /// Is not configured.
        case unknown
    }

    var mood = Mood.works
    var isOrdered: Bool
}
