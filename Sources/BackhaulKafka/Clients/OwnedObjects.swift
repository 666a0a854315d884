/// Objects of librdkafka that live as long as this value, such as requests and their parts.
struct OwnedObjects: ~Copyable {
    /// The objects, as the array that librdkafka expects.
    var pointers: [OpaquePointer?] = []
    private let destroy: (OpaquePointer) -> Void

    /// - Parameter destroy: destroys one object.
    init(destroy: @escaping (OpaquePointer) -> Void) {
        self.destroy = destroy
    }

    /// - Parameter pointer: an object to take ownership of; nil, when librdkafka could not create it, is skipped.
    init(_ pointer: OpaquePointer?, destroy: @escaping (OpaquePointer) -> Void) {
        self.destroy = destroy
        add(pointer)
    }

    /// Takes ownership of an object; skips nil.
    mutating func add(_ pointer: OpaquePointer?) {
        if let pointer { pointers.append(pointer) }
    }

    deinit { for case let pointer? in pointers { destroy(pointer) } }
}
