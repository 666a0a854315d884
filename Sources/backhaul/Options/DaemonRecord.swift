import Foundation

/// What the daemon of an embedded log leaves in its folder, so that commands on that log know what it knows.
struct DaemonRecord: Codable {
    /// The absolute path of its configuration file; nil without one.
    var configuration: String?

    private static func path(_ folder: String) -> String { folder + "/daemon.json" }

    static func read(in folder: String) -> DaemonRecord? {
        guard let data = try? Data(contentsOf: URL(fileURLWithPath: path(folder))) else { return nil }
        return try? JSONDecoder().decode(DaemonRecord.self, from: data)
    }

    /// Commands do without a record that cannot be written: they are then told the configuration, as before.
    func write(in folder: String) {
        guard let data = try? JSONEncoder().encode(self) else { return }
        let path = Self.path(folder)
        let temporary = path + ".\(getpid()).tmp"
        guard
            FileManager.default.createFile(
                atPath: temporary, contents: data, attributes: [.posixPermissions: 0o600])
        else { return }
        if rename(temporary, path) != 0 { unlink(temporary) }
    }
}
