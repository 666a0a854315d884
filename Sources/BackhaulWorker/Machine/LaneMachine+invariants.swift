internal import BackhaulLog

/// What always holds of a lane; the simulator asks after every step.
extension LaneMachine {
    /// What does not hold; empty when all is well.
    package var problems: [String] {
        var problems: [String] = []
        func require(_ holds: Bool, _ what: @autoclosure () -> String) { if !holds { problems.append(what()) } }
        require(admission.running == running.count, "\(admission.running) slots for \(running.count) attempts")
        require(admission.running <= admission.limits.uploads || isStopping, "\(admission.running) slots are taken")
        let begun = table.values.count { $0.hasBegun }
        require(admission.undecided == begun, "\(admission.undecided) undecided, \(begun) begun")
        let admitted = Set(table.filter(\.value.isAdmitted).keys)
        require(admitted == running, "slots of \(running.count), attempts of \(admitted.count)")
        let records = table.values.count { $0.hasTask }
        require(records == loaded, "\(loaded) loaded, \(records) records")
        let queued = table.values.count { if case .queued = $0.standing { true } else { false } }
        require(queued == admission.waiting, "\(queued) queued, \(admission.waiting) waiting")
        for (reference, held) in table {
            if held.reading != nil { require(!held.hasTask, "\(reference.position) is read again for nothing") }
            if case .preparing = held.standing, !held.hasTask {
                require(held.reading != nil, "\(reference.position) waits for a record that nobody reads")
            }
            // One that was moved, or whose partition was lost, may be back before it has ended here.
            if case .settling = held.standing { continue }
            if held.isLeaving { continue }
            if let task = held.generation, places[task] == nil { problems.append("\(task) cannot be found") }
        }
        for gate in admission.placeGates.values { require(gate.running >= 0, "a place has \(gate.running) attempts") }
        return problems
    }

    /// What does not hold once everything has ended.
    package var idleProblems: [String] {
        guard table.isEmpty, arriving.isEmpty else { return [] }
        var problems = problems
        if owed < 0 || owed > credits { problems.append("\(owed) credits are owed") }
        if !unlent.isEmpty || !suspects.isEmpty || !places.isEmpty { problems.append("something is left over") }
        return problems
    }

    /// The credits that are owed and those that there are in all, once everything has ended; nil before.
    package var idleCredits: (owed: Int, all: Int)? {
        table.isEmpty && arriving.isEmpty && !isStopping ? (owed, credits) : nil
    }
}
