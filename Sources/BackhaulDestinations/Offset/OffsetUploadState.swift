internal import BackhaulUnits
internal import Foundation

/// What another attempt needs to go on with an upload.
package struct OffsetUploadState: Hashable, Sendable, Codable {
    /// The URL of creation: an upload of another server means nothing to this one.
    package var place: String
    /// Digits that tell the key, the size and the time of the file.
    package var object: String
    /// The URL of the upload.
    package var upload: String

    package init(place: String, object: String, upload: String) {
        self.place = place
        self.object = object
        self.upload = upload
    }

    /// - Returns: nil for bytes that are not such a state.
    package init?(_ bytes: [UInt8]) {
        guard let state = try? JSONDecoder().decode(OffsetUploadState.self, from: Data(bytes)) else { return nil }
        self = state
    }

    package var bytes: [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return (try? encoder.encode(self)).map { Array($0) } ?? []
    }
}
