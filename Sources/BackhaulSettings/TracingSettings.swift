/// Where traces go.
package struct TracingSettings: Sendable {
    /// A base URL; empty for nowhere.
    package var endpoint = ""
    package var headersFile = ""
    /// Of the traces that begin here.
    package var percent = 100

    package init() {}
}
