/// An object of librdkafka that lives as long as this value. Those that several actors use or that stand in collections
/// (clients, queues of partitions, member identities) have a class or an actor as their one owner.
struct Owned<Object>: ~Copyable {
    let object: Object
    private let destroy: (Object) -> Void

    /// Takes an object over.
    /// - Parameter destroy: ends it.
    init(_ object: Object, destroy: @escaping (Object) -> Void) {
        self.object = object
        self.destroy = destroy
    }

    deinit { destroy(object) }
}
