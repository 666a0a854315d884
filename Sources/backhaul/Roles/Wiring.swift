import BackhaulDestinations
import BackhaulDomain
import BackhaulFiles
import BackhaulSettings
import BackhaulTransfer
import Foundation

/// Puts settings and parts together.
extension Settings {
    /// Where registrations of source roots lie in a data folder.
    static func registry(in folder: String) -> String { folder + "/roots" }

    /// Roots that submissions and workers on the data folder's machine may use. Once the configuration names roots, only
    /// those count.
    /// - Parameter folder: nil for a fleet, which names its roots.
    func sourceRoots(folder: String?) -> SourceRoots {
        SourceRoots(
            configured: roots, registry: folder.map(Self.registry), takesRegistered: folder != nil && roots.isEmpty)
    }

    var destinationTable: DestinationTable { DestinationTable(destinations, allowsURLs: freeURLs) }

    /// Whether a destination takes the uploads of a key in order.
    var isOrdered: @Sendable (DestinationReference.Place) -> Bool {
        let table = destinationTable
        return { place in (try? table.resolve(place))?.order == .key }
    }

    /// - Parameter isLocal: whether the role serves this machine only, where private addresses are the usual ones.
    func egress(isLocal: Bool) -> EgressPolicy {
        EgressPolicy(allow: egressAllow + (isLocal ? EgressPolicy.privateNetworks.allow : []))
    }
}
