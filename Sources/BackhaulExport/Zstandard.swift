internal import CZstd

/// Zstandard (RFC 8878). Frames behind one another are one stream, so that a file is written in pieces.
enum Zstandard {
    private static let level: Int32 = 3

    static func frame(_ bytes: [UInt8]) throws -> [UInt8] {
        let limit = ZSTD_compressBound(bytes.count)
        var code = 0
        let frame = [UInt8](unsafeUninitializedCapacity: limit) { buffer, count in
            code = bytes.withUnsafeBytes {
                ZSTD_compress(buffer.baseAddress, limit, $0.baseAddress, $0.count, level)
            }
            count = ZSTD_isError(code) == 0 ? code : 0
        }
        guard ZSTD_isError(code) == 0 else {
            throw ExportError.folder("zstd", reason: String(cString: ZSTD_getErrorName(code)))
        }
        return frame
    }
}
