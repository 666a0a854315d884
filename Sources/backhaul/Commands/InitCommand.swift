import ArgumentParser
import BackhaulDestinations
import BackhaulFiles
import BackhaulSettings
import Foundation

/// Writes a first configuration.
struct InitCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "init", abstract: "Write a commented configuration to begin with.",
        discussion: """
            Commands and roles find it by themselves. An existing file is not changed.

            Example: backhaul init
            """)

    @Option(
        help: ArgumentHelp(
            "Where to write it (default: ~/.config/backhaul/backhaul.yaml, or /etc/backhaul/backhaul.yaml for root).",
            valueName: "file"))
    var file: String?

    func run() async throws {
        let places = DefaultPlaces(environment: ProcessInfo.processInfo.environment)
        guard let file = file ?? places.configuration else {
            throw CommandError("no folder for the configuration: set HOME, or give --file", exit: .usage)
        }
        guard let data = places.dataFolder else { throw CommandError("no folder for the log: set HOME") }
        let folder = URL(fileURLWithPath: file).deletingLastPathComponent().path
        do {
            try NewFolder.make(folder, mode: 0o777)
        } catch {
            throw CommandError("\(folder) cannot be created: \(error)")
        }
        // Exclusively: a file that appears meanwhile is not overwritten.
        let made = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard made >= 0 else {
            throw CommandError(
                errno == EEXIST
                    ? "\(file) exists already; it is not changed" : "\(file): \(String(cString: strerror(errno)))")
        }
        let handle = FileHandle(fileDescriptor: made, closeOnDealloc: true)
        do {
            try handle.write(contentsOf: Data(Self.text(data: data).utf8))
            try handle.synchronize()
        } catch {
            unlink(file)
            throw CommandError("\(file) cannot be written: \(Explanation.of(error))")
        }
        // What is written must be usable, whatever becomes of the settings.
        _ = try SettingsReader.read(file: file, environment: [:])
        Output.line("wrote \(file)")
        Output.line("name a destination in it, then: backhaul upload FOLDER --to NAME")
    }

    private static func text(data: String) -> String {
        """
        # The configuration of Backhaul. 'backhaul config show' prints every setting with its value and its origin;
        # docs/CONFIGURATION.md explains them. A change takes effect when the daemon is started again, or at SIGHUP.

        # The log of commands, and of 'backhaul standalone'.
        log:
          url: embedded://\(data)

        # Where files go. 'backhaul upload ~/Photos --to disk' uses a name from here.
        destinations:
          # Another disk, or a folder that a NAS is mounted on.
          # disk: { type: folder, path: /mnt/backup/photos }

          # A server that stores what is PUT (WebDAV, nginx, MinIO behind a presigning proxy).
          # nas: { type: http, url: "https://nas.local/backup/", username: me, passwordFile: /etc/backhaul/nas.password }
          # A bucket of S3 or a compatible store, a folder of an SSH server, a WebDAV server (docs/destinations).
          # photos: { type: s3, bucket: photos, region: eu-central-1, credentialsFile: /etc/backhaul/s3 }
          # box: { type: sftp, host: box, path: /srv, username: me, keyFile: /etc/backhaul/box, hostKey: "SHA256:…" }
          # cloud: { type: webdav, url: "https://cloud.example/dav/", username: me, passwordFile: /etc/backhaul/cloud }

          # Writes nothing: to try things out.
          nowhere: { type: drop }

        # What may be read. Without this list, every folder that is submitted from.
        # sources:
        #   roots:
        #     photos: /srv/photos

        # Private addresses that uploads may go to; 'standalone' on loopback and 'upload' allow them by themselves.
        # egress:
        #   allow: [192.168.0.0/16]

        # How often, and how long, a failed upload is tried again.
        # retry:
        #   tiers: [10s, 1m, 10m, 1h, 6h, 1d]
        #   maxAttempts: 8

        """
    }
}
