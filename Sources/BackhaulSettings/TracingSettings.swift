/// Where traces are sent, and how many.
package struct TracingSettings: Sendable {
    /// The base URL of the collector; empty disables tracing.
    package var endpoint = ""
    package var headersFile = ""
    /// The percentage of traces started in this process that are recorded.
    package var percent = 100

    package init() {}
}
