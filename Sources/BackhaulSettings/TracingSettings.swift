package import BackhaulUnits

/// Where traces are sent, and how many.
package struct TracingSettings: Sendable {
    /// The base URL of the collector; empty disables tracing.
    package var endpoint = ""
    package var headersFile = ""
    /// The share of the traces started in this process that are recorded.
    package var share = Ratio(clamping: 1)

    package init() {}
}
