import Foundation

/// A report in a file: the file appears whole, or not at all.
struct ReportFile {
    private let path: String
    private let option: String
    private let temporary: String
    private let handle: FileHandle

    /// - Parameters:
    ///   - option: the option that names the file, for messages.
    ///   - isPublic: whether every user may read it, whatever the umask is.
    /// - Throws: `CommandError` when the file's folder cannot be written.
    init(_ path: String, option: String = "--report", isPublic: Bool = false) throws {
        self.path = path
        self.option = option
        temporary = "\(path).\(getpid()).part"
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else {
            throw CommandError("\(option) \(path): \(String(cString: strerror(errno)))", exit: .usage)
        }
        if isPublic { fchmod(descriptor, 0o644) }
        handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    }

    /// Writes the text as it is.
    /// - Throws: `CommandError` when it could not be written.
    func write(_ text: String) throws {
        do {
            try put(Data(text.utf8))
            try publish()
        } catch {
            discard()
            throw error
        }
    }

    /// Writes the lines that `body` gives. Control characters are escaped.
    /// - Throws: `CommandError` when they could not be written.
    func write(_ body: ((String) throws -> Void) throws -> Void) throws {
        var buffer = Data()
        func flush() throws {
            try put(buffer)
            buffer.removeAll(keepingCapacity: true)
        }
        do {
            try body { line in
                buffer += Data((TerminalText.safe(line) + "\n").utf8)
                if buffer.count >= 64 << 10 { try flush() }
            }
            try flush()
            try publish()
        } catch {
            discard()
            throw error
        }
    }

    private func put(_ data: Data) throws {
        do {
            try handle.write(contentsOf: data)
        } catch {
            throw CommandError("\(option) \(path): it cannot be written: \(Explanation.of(error))")
        }
    }

    private func publish() throws {
        guard fsync(handle.fileDescriptor) == 0, rename(temporary, path) == 0 else {
            throw CommandError("\(option) \(path): it cannot be written: \(String(cString: strerror(errno)))")
        }
    }

    func discard() { unlink(temporary) }
}
