/// Who submitted a task, as its record states.
package struct Submitter: Hashable, Sendable {
    package enum Way: Hashable, Sendable {
        case commandLine
        case http
    }

    /// The caller's name, or `USER@HOST` of a command.
    package var name: ByteText
    package var way: Way

    package init(name: ByteText, way: Way) {
        self.name = name
        self.way = way
    }
}
