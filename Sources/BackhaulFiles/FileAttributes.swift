package import BackhaulUnits

/// What a stored copy of a file keeps of it besides its content.
package struct FileAttributes: Hashable, Sendable {
    package var modifiedAt: FileTime
    /// The permission bits for owner, group and others (`0o777`); set-user-id and the like are not kept.
    package var permissions: UInt32

    package init(modifiedAt: FileTime, permissions: UInt32) {
        self.modifiedAt = modifiedAt
        self.permissions = permissions & 0o777
    }
}
