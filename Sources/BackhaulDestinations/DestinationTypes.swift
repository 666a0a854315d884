/// The types of destinations that there are.
package enum DestinationTypes {
    package static let all: [any DestinationType.Type] = [
        HTTPDestination.self, S3Destination.self, WebDAVDestination.self, SFTPDestination.self, TusDestination.self,
        ResumableDestination.self, FolderDestination.self, DropDestination.self,
    ]

    package static func named(_ name: String) -> (any DestinationType.Type)? { all.first { $0.name == name } }
}
