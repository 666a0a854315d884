package import BackhaulDomain

/// The headers of a result as a CloudEvent 1.0 in Kafka's binary content mode
/// (cloudevents/spec, bindings/kafka-protocol-binding.md): attributes as `ce_*` headers, the data as the value.
package enum CloudEvent {
    package static let source = "/backhaul/acknowledgment"
    /// The extension attribute with the replay that a result belongs to.
    package static let replay = "ce_replay"
    static let typePrefix = "backhaul.upload."
    static let typeSuffix = ".v1"
    package static let dataSchema = "urn:backhaul:schema:result:v1"

    /// - Parameters:
    ///   - id: of the event, unique among all results; nil for the generation's name.
    ///   - schema: of the document.
    package static func headers(
        _ task: TaskGeneration, status: String, time: String, id: String? = nil, schema: String = dataSchema
    ) -> [(name: String, text: String)] {
        [
            ("ce_specversion", "1.0"),
            ("ce_id", id ?? task.description),
            ("ce_source", source),
            ("ce_type", typePrefix + status + typeSuffix),
            ("ce_time", time),
            ("ce_subject", task.identity.id.text),
            ("ce_dataschema", schema),
            (HeaderName.contentType, ResultDocument.contentType),
        ]
    }
}
