import BackhaulDomain

/// The place of a task of the simulation, which names all of them.
enum FlowName {
    static func of(_ task: UploadTask) -> ByteText { task.destination.label }
}
