import ArgumentParser
import Foundation

/// The addresses that a role listens on.
struct ListenOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Address of the role's API, or of its health if it has no API. Environment: BACKHAUL_LISTEN.",
            valueName: "address:port"))
    var listen: String?

    @Option(
        help: ArgumentHelp(
            "Address of health and metrics (default: the API's address if that is loopback, else loopback at the next "
                + "port). Environment: BACKHAUL_ADMIN.",
            valueName: "address:port"))
    var admin: String?

    func addresses(hasAPI: Bool) throws -> ServiceAddresses {
        try ServiceAddresses(
            listen: listen, admin: admin, hasAPI: hasAPI, environment: ProcessInfo.processInfo.environment)
    }
}
