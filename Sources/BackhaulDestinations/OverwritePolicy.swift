/// What an upload does when its key holds an object already.
package enum OverwritePolicy: String, Hashable, Sendable, CaseIterable {
    /// It replaces the object, whatever it is, without looking.
    case replace
    /// It leaves an equal object as it is, and replaces another one.
    case skipIfSame = "skip-if-same"
    /// It leaves the object as it is, and stores another content under a second name (`KeptName`).
    case keepBoth = "keep-both"
    /// It leaves the object as it is; another content is a failure.
    case fail
}
