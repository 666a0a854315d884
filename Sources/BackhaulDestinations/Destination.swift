/// A destination as the operator configured it, or as a submitter's URL implies it.
package struct Destination: Sendable {
    /// In which order uploads to one key run.
    package enum Order: String, Hashable, Sendable, CaseIterable {
        case none
        /// One at a time, in the order of acceptance; retries block that key.
        case key
    }

    package var type: any DestinationType
    package var order: Order
    package var overwrite: OverwritePolicy

    package init(_ type: some DestinationType, order: Order = .none, overwrite: OverwritePolicy = .replace) {
        self.type = type
        self.order = order
        self.overwrite = overwrite
    }
}

extension Destination: Equatable {
    package static func == (left: Destination, right: Destination) -> Bool {
        left.order == right.order && left.overwrite == right.overwrite
            && AnyHashable(left.type) == AnyHashable(right.type)
    }
}
