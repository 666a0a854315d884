import ArgumentParser
import Foundation

/// Where a role listens.
struct ListenOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Where the role's API is served; without one, its health. Also BACKHAUL_LISTEN.",
            valueName: "address:port"))
    var listen: String?

    @Option(
        help: ArgumentHelp(
            "Where health and metrics are served; by default beside the API on a loopback address, else on loopback at the next port. Also BACKHAUL_ADMIN.",
            valueName: "address:port"))
    var admin: String?

    func addresses(hasAPI: Bool) throws -> ServiceAddresses {
        try ServiceAddresses(
            listen: listen, admin: admin, hasAPI: hasAPI, environment: ProcessInfo.processInfo.environment)
    }
}
