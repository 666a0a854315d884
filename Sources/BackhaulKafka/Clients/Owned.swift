/// An object of librdkafka that lives as long as this value. An object that several actors use, or that is kept in a
/// collection (client, queue of a partition, member identity), has a class or an actor as its only owner instead.
struct Owned<Object>: ~Copyable {
    let object: Object
    private let destroy: (Object) -> Void

    /// Takes ownership of an object.
    /// - Parameter destroy: destroys it.
    init(_ object: Object, destroy: @escaping (Object) -> Void) {
        self.object = object
        self.destroy = destroy
    }

    deinit { destroy(object) }
}
