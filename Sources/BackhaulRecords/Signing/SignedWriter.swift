package import BackhaulLog

/// Signs what an exclusive writer appends.
struct SignedWriter: ExclusiveWriter {
    let base: any ExclusiveWriter
    let log: SignedLog

    func begin() async throws { try await base.begin() }

    func append(_ requests: [AppendRequest]) async throws { try await base.append(log.sign(requests)) }

    func close() async { await base.close() }
}

extension SignedLog {
    /// The same writer, which signs.
    package func signing(_ writer: any ExclusiveWriter) -> any ExclusiveWriter { SignedWriter(base: writer, log: self) }
}
