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

    /// - Parameter before: uploads that began later are left alone.
    package init(destination: S3Destination, before: Timestamp) {
        self.destination = destination
        self.before = before
    }

    package mutating func begin(_ start: DialectStart) -> Step { list(start.now) }

    private func list(_ now: Timestamp) -> Step {
        var query = [(name: "uploads", value: ""), (name: "max-uploads", value: "1000")]
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
                return .failed(failure)
            }
            count += 1
            return end(now)
        }
        if let failure = S3Answer.failure(report, doing: "listing unfinished uploads") { return .failed(failure) }
        guard let tree = XMLTree(report.body), tree["IsTruncated"] != nil || tree["Bucket"] != nil else {
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
            page.map({ $0 != (key, id) }) ?? true
        {
            page = (key, id)
            return list(now)
        }
        isListing = false
        return end(now)
    }

    private mutating func end(_ now: Timestamp) -> Step {
        guard let next = old.popLast() else { return .swept(count) }
        return .request(destination.request("DELETE", next.key, query: [("uploadId", next.upload)], at: now))
    }
}
