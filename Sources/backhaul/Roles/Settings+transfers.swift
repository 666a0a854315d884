import BackhaulDestinations
import BackhaulDomain
import BackhaulFiles
import BackhaulSettings
import BackhaulTransfer
import Foundation

/// Creates parts from the settings.
extension Settings {
    /// The folder of the source roots' registrations in a data folder.
    static func registry(in folder: String) -> String { folder + "/roots" }

    /// The source roots that submissions and workers may use. Registered roots count only on the data folder's machine,
    /// and only when the configuration names no roots.
    /// - Parameter folder: the data folder; nil for a fleet, whose configuration names its roots.
    func sourceRoots(folder: String?) -> SourceRoots {
        SourceRoots(
            configured: roots, registry: folder.map(Self.registry), takesRegistered: folder != nil && roots.isEmpty)
    }

    var destinationTable: DestinationTable {
        DestinationTable(destinations, allowsURLs: freeURLs, tenants: tenants)
    }

    /// The destinations of a worker, which holds tasks that were submitted over HTTP to the rules of HTTP callers.
    /// - Parameter servesAPI: whether the worker's process accepts those tasks itself. A worker of a fleet knows the
    ///   rules only where its own configuration states them.
    func workerDestinations(servesAPI: Bool) -> DestinationTable {
        let states = texts.contains { ["api.fileRoots", "api.freeURLs"].contains($0.name) && $0.from != "default" }
        return DestinationTable(
            destinations, allowsURLs: freeURLs, tenants: tenants, http: servesAPI || states ? httpPolicy : .open)
    }

    /// Whether a destination requires the uploads of a key in order.
    var isOrdered: @Sendable (DestinationReference.Target) -> Bool {
        let table = destinationTable
        return { target in (try? table.resolve(target))?.order == .key }
    }

    /// - Parameter isLocal: whether the role serves this machine only, which allows private addresses as destinations.
    func egress(isLocal: Bool) -> EgressPolicy {
        EgressPolicy(allow: egressAllow, allowsPrivate: isLocal)
    }
}
