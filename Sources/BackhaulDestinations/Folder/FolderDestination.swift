package import BackhaulDomain
package import BackhaulTransfer

/// A folder of this machine, or one that it has mounted.
package struct FolderDestination: DestinationType {
    package static let name = "folder"
    package static let summary =
        "A folder of this machine, or one that it has mounted. It also keeps `.backhaul-tmp` for "
        + "objects that are being written: an object appears under its name only when it is whole and on the disk. It "
        + "has the permissions and the modification time of its source."
    package static let fields = [
        DestinationField(
            "path", .text,
            help: "Absolute. It must exist; it is never created, so that nothing is written beside an unmounted disk."),
        DestinationField(
            "verify", .choice(Check.allCases.map(\.rawValue)), standard: Check.answer.rawValue,
            help: "What is checked before an upload counts as a success: `answer` for written, fsynced and renamed, "
                + "`read-back` for read from the disk and compared as well."),
    ]
    package static let verifications = [
        (word: Verification.durable, meaning: "Written, fsynced and renamed (`verify: answer`)."),
        (word: Verification.readBack, meaning: "Read from the disk and compared as well (`verify: read-back`)."),
    ]

    private enum Check: String, CaseIterable {
        case answer
        case readBack = "read-back"
    }

    /// Absolute.
    package var path: String
    package var readsBack: Bool

    package init(path: String, readsBack: Bool = false) {
        self.path = path
        self.readsBack = readsBack
    }

    package init(_ fields: DestinationFields) throws(DestinationFields.InvalidError) {
        let check: Check = try fields.choice("verify")
        self.init(path: fields["path"], readsBack: check == .readBack)
        guard path.hasPrefix("/") else { throw DestinationFields.InvalidError("path must be absolute") }
    }

    package var description: String { "folder \(path) verify=\((readsBack ? Check.readBack : .answer).rawValue)" }
    package var localFolder: String? { path }

    package func upload(
        key: ByteText, body: TransferBody, contentType: String, onlyIfAbsent: Bool
    ) -> any Dialect {
        FolderUpload(destination: self, key: key.text, body: body, onlyIfAbsent: onlyIfAbsent)
    }

    package func look(key: ByteText) -> any Dialect {
        FolderReadBack(destination: self, key: key.text, looksOnly: true)
    }

    package func readBack(key: ByteText) -> any Dialect { FolderReadBack(destination: self, key: key.text) }

    package func remove(key: ByteText) -> any Dialect { FolderRemoval(destination: self, key: key.text) }
}

extension Verification {
    /// Written, fsynced and renamed.
    package static let durable = Verification(rawValue: "fsync")
}
