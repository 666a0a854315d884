internal import BackhaulDomain
package import BackhaulTransfer
package import BackhaulUnits

/// Removes temporary files that no attempt has finished.
package struct WebDAVSweep: Dialect {
    private let destination: WebDAVDestination
    private let before: Timestamp
    private var old: [String] = []
    private var isListing = true
    private var count = 0

    package init(destination: WebDAVDestination, before: Timestamp) {
        self.destination = destination
        self.before = before
    }

    package mutating func begin(_ start: DialectStart) -> Step {
        .request(
            WebDAVProperties.request(
                destination, destination.url(ofFolder: TemporaryName.folder), depth: 1))
    }

    package mutating func next(_ report: TransferReport, now: Timestamp) -> Step {
        guard isListing else {
            if report.answered != 404, let failure = HTTPAnswer.failure(report, doing: "removing a temporary file") {
                return .failed(failure)
            }
            count += 1
            return remove()
        }
        isListing = false
        if report.answered == 404 { return .swept(0) }
        if let failure = HTTPAnswer.failure(report, doing: "listing temporary files") { return .failed(failure) }
        guard let found = WebDAVProperties.read(report.body) else {
            return .failed(Failure(.transient, "listing temporary files: the server's answer is not a list"))
        }
        // Names of ours only, whatever the server lists.
        old = found.compactMap { file in
            guard let name = file.path.split(separator: "/").last, name.utf8.count == 32,
                Hex.decode(String(name)) != nil,
                let time = file.modifiedAt, time < before
            else { return nil }
            return String(name)
        }
        return remove()
    }

    private mutating func remove() -> Step {
        guard let name = old.popLast() else { return .swept(count) }
        return .request(
            destination.request("DELETE", destination.base.url(of: "\(TemporaryName.folder)/\(name)")))
    }
}
