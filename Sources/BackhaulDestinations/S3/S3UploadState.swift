package import BackhaulUnits
internal import Foundation

/// What another attempt needs to go on with an upload in parts.
package struct S3UploadState: Hashable, Sendable, Codable {
    /// Of `S3Destination.place`: an upload id means nothing elsewhere.
    package var place: String
    /// With the prefix.
    package var key: String
    package var upload: String
    package var partSize: UInt64
    package var checksum: String

    package init(place: String, key: String, upload: String, partSize: ByteCount, checksum: S3Checksum) {
        self.place = place
        self.key = key
        self.upload = upload
        self.partSize = partSize.bytes
        self.checksum = checksum.rawValue
    }

    /// - Returns: nil for bytes that are not such a state.
    package init?(_ bytes: [UInt8]) {
        guard let state = try? JSONDecoder().decode(S3UploadState.self, from: Data(bytes)) else { return nil }
        self = state
    }

    package var bytes: [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return (try? encoder.encode(self)).map { Array($0) } ?? []
    }
}
