internal import Hummingbird
internal import NIOCore

extension Request {
    /// The body as a whole.
    /// - Parameter what: of what is too large, for people.
    /// - Throws: `Problem` with 413 for more than `limit` bytes, 400 for a bad chunk or an early end;
    ///   `CancellationError`.
    func bytes(upTo limit: Int, what: String) async throws -> ByteBuffer {
        do {
            return try await body.collect(upTo: limit)
        } catch is NIOTooManyBytesError {
            throw Problem(.contentTooLarge, "too-large", "\(what) has at most \(limit) bytes")
        } catch let error as CancellationError {
            throw error
        } catch {
            throw Problem(.badRequest, "bad-body", "the request's body could not be read to its end")
        }
    }
}
