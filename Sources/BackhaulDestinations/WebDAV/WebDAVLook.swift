internal import BackhaulDomain
package import BackhaulTransfer
package import BackhaulUnits

/// Finds out the size of a file: by HEAD, by PROPFIND where that does not tell.
package struct WebDAVLook: Dialect {
    private let destination: WebDAVDestination
    private let url: String
    private var isAsking = false

    package init(destination: WebDAVDestination, key: String) {
        self.destination = destination
        url = destination.base.url(of: key)
    }

    package mutating func begin(_ start: DialectStart) -> Step {
        isAsking = destination.login != nil
        return .request(destination.sizeRequest(url))
    }

    package mutating func next(_ report: TransferReport, now: Timestamp) -> Step {
        if !isAsking, HTTPAnswer.lacksLength(report) {
            isAsking = true
            return .request(WebDAVProperties.request(destination, url, depth: 0))
        }
        if report.answered == 404 || report.answered == 410 { return .absent }
        if let failure = HTTPAnswer.failure(report, doing: "looking for an object at the key") {
            return .failed(failure)
        }
        let size =
            isAsking
            ? WebDAVProperties.read(report.body)?.first?.size
            : report.header("content-length").flatMap { UInt64($0) }.map(ByteCount.init)
        guard let size else {
            return .failed(Failure(.transient, "looking for an object at the key: the server names no size"))
        }
        let sha256 = isAsking ? "" : HTTPAnswer.digest(report) ?? ""
        return .stored(StoredObject(size: size, sha256: sha256, verification: .size))
    }
}
