import Foundation

/// Where things are when nobody says where: by the XDG Base Directory Specification for a user, below /var/lib and /etc
/// for root.
struct DefaultPlaces {
    private let environment: [String: String]
    private let isRoot: Bool

    init(environment: [String: String], isRoot: Bool = geteuid() == 0) {
        self.environment = environment
        self.isRoot = isRoot
    }

    /// The data folder of the embedded log; nil for a user without a home.
    var dataFolder: String? {
        if isRoot, environment["XDG_DATA_HOME"] == nil { return "/var/lib/backhaul" }
        return folder("XDG_DATA_HOME", ".local/share").map { $0 + "/backhaul" }
    }

    /// The configuration that `init` writes; nil for a user without a home.
    var configuration: String? {
        isRoot ? Self.systemConfiguration : userConfiguration
    }

    /// The configuration files that commands look for, the first one first.
    var configurations: [String] {
        [
            FileManager.default.currentDirectoryPath + "/backhaul.yaml", userConfiguration, Self.systemConfiguration,
        ].compactMap(\.self)
    }

    private static let systemConfiguration = "/etc/backhaul/backhaul.yaml"

    private var userConfiguration: String? {
        folder("XDG_CONFIG_HOME", ".config").map { $0 + "/backhaul/backhaul.yaml" }
    }

    /// The specification wants relative paths to be ignored.
    private func folder(_ variable: String, _ standard: String) -> String? {
        if let path = environment[variable], path.hasPrefix("/") { return path }
        return environment["HOME"].flatMap { $0.hasPrefix("/") ? $0 + "/" + standard : nil }
    }
}
