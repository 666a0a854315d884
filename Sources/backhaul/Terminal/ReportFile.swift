import Foundation

/// A report in a file: the file appears whole, or not at all.
struct ReportFile {
    private let path: String
    private let temporary: String
    private let handle: FileHandle

    /// - Throws: `CommandError` when the file's folder cannot be written.
    init(_ path: String) throws {
        self.path = path
        temporary = "\(path).\(getpid()).part"
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else {
            throw CommandError("--report \(path): \(String(cString: strerror(errno)))", exit: .usage)
        }
        handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    }

    /// Writes the lines that `body` gives. Control characters are escaped.
    /// - Throws: `CommandError` when they could not be written.
    func write(_ body: ((String) throws -> Void) throws -> Void) throws {
        var buffer = Data()
        func flush() throws {
            do {
                try handle.write(contentsOf: buffer)
            } catch {
                throw CommandError("--report \(path): it cannot be written: \(Explanation.of(error))")
            }
            buffer.removeAll(keepingCapacity: true)
        }
        do {
            try body { line in
                buffer += Data((TerminalText.safe(line) + "\n").utf8)
                if buffer.count >= 64 << 10 { try flush() }
            }
            try flush()
            guard fsync(handle.fileDescriptor) == 0, rename(temporary, path) == 0 else {
                throw CommandError("--report \(path): it cannot be written: \(String(cString: strerror(errno)))")
            }
        } catch {
            discard()
            throw error
        }
    }

    func discard() { unlink(temporary) }
}
