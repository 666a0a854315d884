internal import BackhaulDomain
internal import BackhaulUnits

/// What stays of a task whose record is not in memory.
final class HeldName: Sendable {
    let generation: TaskGeneration
    let flow: FlowKey
    let size: ByteCount
    /// Where its destination takes the uploads of a key in order.
    let key: [UInt8]?

    init(generation: TaskGeneration, flow: FlowKey, size: ByteCount, key: [UInt8]?) {
        self.size = size
        self.generation = generation
        self.flow = flow
        self.key = key
    }
}
