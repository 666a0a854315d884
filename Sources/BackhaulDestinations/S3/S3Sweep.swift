internal import BackhaulDomain
package import BackhaulTransfer
package import BackhaulUnits

/// Ends uploads in parts that were never completed: their parts cost as much as objects, and no listing shows them.
package struct S3Sweep: Dialect {
    private let destination: S3Destination
    private let before: Timestamp
    private var old: [(key: String, upload: String)] = []
    private var page: (key: String, upload: String)?
    private var isListing = true
    private var count = 0
    private var failure: Failure?
    /// More are left for another sweep.
    private static let most = 100_000

    /// - Parameter before: uploads that began later are left alone.
    package init(destination: S3Destination, before: Timestamp) {
        self.destination = destination
        self.before = before
    }

    package mutating func begin(_ start: DialectStart) -> Step { list(start.now) }

    private func list(_ now: Timestamp) -> Step {
        var query = [(name: "uploads", value: ""), (name: "max-uploads", value: "200")]
        if !destination.prefix.isEmpty { query.append(("prefix", destination.prefix)) }
        if let page {
            query.append(("key-marker", page.key))
            query.append(("upload-id-marker", page.upload))
        }
        return .request(destination.request("GET", "", query: query, sink: .keep(ByteCount(1 << 20)), at: now))
    }

    package mutating func next(_ report: TransferReport, now: Timestamp) -> Step {
        guard isListing else {
            // One that was completed meanwhile is gone as well.
            if S3Answer.code(report) != "NoSuchUpload",
                let failure = S3Answer.failure(report, doing: "ending an upload")
            {
                self.failure = self.failure ?? failure
            } else {
                count += 1
            }
            return end(now)
        }
        if let failure = S3Answer.failure(report, doing: "listing unfinished uploads") { return .failed(failure) }
        guard let tree = XMLTree(report.body), tree.name.hasPrefix("ListMultipartUploads") else {
            return .failed(Failure(.transient, "listing unfinished uploads: the store's answer is not a list of them"))
        }
        for upload in tree.all("Upload") {
            guard let key = upload["Key"], let id = upload["UploadId"],
                let begun = upload["Initiated"].flatMap({ TimeText.parse($0)?.timestamp }), begun < before,
                key.utf8.starts(with: destination.prefix.utf8)
            else { continue }
            old.append((key, id))
        }
        if tree["IsTruncated"] == "true", let key = tree["NextKeyMarker"], let id = tree["NextUploadIdMarker"],
            old.count < Self.most, page.map({ ($0.key, $0.upload) < (key, id) }) ?? true
        {
            page = (key, id)
            return list(now)
        }
        isListing = false
        return end(now)
    }

    private mutating func end(_ now: Timestamp) -> Step {
        guard let next = old.popLast() else {
            // One that cannot be ended holds no other back.
            return failure.map { .failed(Failure($0.kind, "\($0.message); \(count) were ended")) } ?? .swept(count)
        }
        return .request(destination.request("DELETE", next.key, query: [("uploadId", next.upload)], at: now))
    }
}
