extension Array {
    /// Moves the first element to the end.
    package mutating func rotate() {
        guard let first else { return }
        removeFirst()
        append(first)
    }
}
