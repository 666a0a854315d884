internal import BackhaulDomain
internal import BackhaulTransfer
internal import BackhaulUnits

/// Interprets the answers of tus servers.
enum TusAnswer {
    /// The failure that a report means; nil for a 2xx.
    static func failure(_ report: TransferReport, doing what: String) -> Failure? {
        switch report.answered {
        case 412?:
            let versions = report.header("tus-version")?.bounded(toBytes: 100) ?? "none that it names"
            return Failure(
                .permanent, "\(what): the server does not speak tus 1.0.0, but \(versions)", httpStatus: 412)
        case 413?:
            return Failure(
                .permanent,
                "\(what): the file, or a request, is larger than the server takes; set partSize for a limit of requests",
                httpStatus: 413)
        // Status of the extension `checksum`.
        case 460?:
            return Failure(.integrity, "\(what): the bytes did not arrive as they were sent", httpStatus: 460)
        // Another request may still hold the upload.
        case 409?: return Failure(.transient, "\(what): the server has another part of the upload", httpStatus: 409)
        default: return HTTPAnswer.failure(report, doing: what)
        }
    }
}
