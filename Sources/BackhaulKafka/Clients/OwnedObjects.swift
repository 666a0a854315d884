/// Objects of librdkafka that live as long as this value: requests and their parts, answers, queues.
struct OwnedObjects: ~Copyable {
    /// As librdkafka takes an array of them.
    var pointers: [OpaquePointer?] = []
    private let destroy: (OpaquePointer) -> Void

    /// - Parameter destroy: ends one of them.
    init(destroy: @escaping (OpaquePointer) -> Void) {
        self.destroy = destroy
    }

    /// - Parameter pointer: an object that is taken over; nil, where librdkafka could not make it, is left out.
    init(_ pointer: OpaquePointer?, destroy: @escaping (OpaquePointer) -> Void) {
        self.destroy = destroy
        add(pointer)
    }

    /// Takes an object over.
    mutating func add(_ pointer: OpaquePointer?) {
        if let pointer { pointers.append(pointer) }
    }

    deinit { for case let pointer? in pointers { destroy(pointer) } }
}
