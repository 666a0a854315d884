import Foundation

/// Finds the configuration file of a process.
enum ConfigurationFile {
    /// The file that is named, or the first that there is: that of the daemon on the named log, `./backhaul.yaml`, the
    /// user's, the system's, that of the daemon at the default place.
    /// - Parameters:
    ///   - flag: the value of --config; it and BACKHAUL_CONFIG are empty for "none".
    ///   - folder: the data folder of the embedded log that is named; nil for none.
    /// - Returns: the path, and whether somebody has named it; nil for no file.
    static func find(
        _ flag: String?, _ environment: [String: String], of folder: String?
    ) -> (path: String, isNamed: Bool)? {
        if let named = flag ?? environment["BACKHAUL_CONFIG"] { return named.isEmpty ? nil : (named, true) }
        let places = DefaultPlaces(environment: environment)
        func ofDaemon(_ folder: String?) -> [String] {
            [folder.flatMap(DaemonRecord.read)?.configuration].compactMap(\.self)
        }
        let found = ofDaemon(folder) + places.configurations + ofDaemon(places.dataFolder)
        return found.first(where: isUsable).map { ($0, false) }
    }

    /// A file that nobody has named counts only if it is the user's own or root's: in a folder of other people, theirs
    /// could lead uploads elsewhere.
    private static func isUsable(_ path: String) -> Bool {
        var status = stat()
        guard stat(path, &status) == 0, access(path, R_OK) == 0 else { return false }
        guard status.st_uid == 0 || status.st_uid == geteuid() else {
            Stderr.say("\(path) is ignored: it belongs to another user; give --config to use it")
            return false
        }
        return true
    }
}
