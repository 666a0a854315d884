/// A page of tasks.
struct PageDocument: Codable, Sendable {
    var tasks: [StatusDocument]
    /// Given as `cursor` it asks for the next page; missing at the end.
    var next: String?
}
