import BackhaulDomain

extension AccessRights {
    func print(_ output: OutputFormat) throws {
        if output == .json {
            for right in rights { try Output.json(right) }
            return
        }
        Output.table(
            [["ROLE", "RESOURCE", "NAME", "OPERATIONS"]]
                + rights.map {
                    [
                        $0.role, $0.resource, $0.prefixed ? $0.name + "*" : $0.name,
                        $0.operations.joined(separator: ", "),
                    ]
                })
    }
}
