// swift-tools-version: 6.2
import PackageDescription

// Every room is checked the same way: Swift 6 language mode, imports declared and walled in, warnings are errors.
let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .treatAllWarnings(as: .error),
]

func room(_ name: String, _ dependencies: [Target.Dependency] = [], resources: [Resource]? = nil) -> Target {
    .target(name: name, dependencies: dependencies, resources: resources, swiftSettings: strict)
}

func kit(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .target(name: name, dependencies: dependencies, path: "Tests/\(name)", swiftSettings: strict)
}

func tests(_ name: String, _ dependencies: [Target.Dependency], resources: [Resource]? = nil) -> Target {
    .testTarget(name: name, dependencies: dependencies, resources: resources, swiftSettings: strict)
}

// Third-party products, named once.
let argumentParser = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let grdb = Target.Dependency.product(name: "GRDB", package: "GRDB.swift")
let sqlite = Target.Dependency.product(name: "GRDBSQLite", package: "GRDB.swift")
let protobuf = Target.Dependency.product(name: "SwiftProtobuf", package: "swift-protobuf")
let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let yams = Target.Dependency.product(name: "Yams", package: "Yams")
let hummingbird = Target.Dependency.product(name: "Hummingbird", package: "hummingbird")
let hummingbirdCore = Target.Dependency.product(name: "HummingbirdCore", package: "hummingbird")
let httpTypes = Target.Dependency.product(name: "HTTPTypes", package: "swift-http-types")
let nio = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let nioHTTPTypes = Target.Dependency.product(name: "NIOHTTPTypes", package: "swift-nio-extras")
let jwt = Target.Dependency.product(name: "JWTKit", package: "jwt-kit")
let lifecycle = Target.Dependency.product(name: "ServiceLifecycle", package: "swift-service-lifecycle")

let package = Package(
    name: "backhaul",
    products: [
        .executable(name: "backhaul", targets: ["backhaul"])
    ],
    // Pinned exactly: Package.resolved stays out of the repository. docs/DESIGN.md says what each one costs and earns.
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
        .package(url: "https://github.com/apple/swift-crypto", exact: "4.5.2"),
        .package(url: "https://github.com/apple/swift-http-types", exact: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log", exact: "1.16.2"),
        .package(url: "https://github.com/apple/swift-nio", exact: "2.101.2"),
        .package(url: "https://github.com/apple/swift-protobuf", exact: "1.39.0"),
        .package(url: "https://github.com/groue/GRDB.swift", exact: "7.10.0"),
        .package(
            url: "https://github.com/hummingbird-project/hummingbird", exact: "2.28.1", traits: ["FullFoundation"]),
        .package(url: "https://github.com/apple/swift-nio-extras", exact: "1.35.2"),
        .package(url: "https://github.com/vapor/jwt-kit", exact: "5.7.1"),
        .package(url: "https://github.com/jpsim/Yams", exact: "6.2.2"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", exact: "2.13.0"),
    ],
    targets: [
        .systemLibrary(name: "CAllocator"),
        .systemLibrary(name: "CLibcurl", pkgConfig: "libcurl", providers: [.apt(["libcurl4-openssl-dev"])]),
        .systemLibrary(name: "CLibrdkafka", pkgConfig: "rdkafka", providers: [.apt(["librdkafka-dev"])]),
        room("BackhaulLoop"),
        room("BackhaulDomain", [crypto]),
        room("BackhaulWire", ["BackhaulDomain", crypto, protobuf]),
        room("BackhaulLog"),
        room("BackhaulTelemetry", [logging]),
        room("BackhaulSQLite", [grdb, sqlite]),
        room("BackhaulEmbedded", ["BackhaulLog", "BackhaulSQLite", "BackhaulTelemetry", grdb, logging]),
        room("BackhaulKafka", ["BackhaulLog", "BackhaulLoop", "BackhaulTelemetry", "CLibrdkafka", logging]),
        room("BackhaulTransfer", ["BackhaulDomain", "BackhaulLoop", "BackhaulTelemetry", "CLibcurl", crypto]),
        room("BackhaulDestinations", ["BackhaulDomain", "BackhaulTransfer"]),
        room(
            "BackhaulWeb",
            [
                "BackhaulAcknowledgment", "BackhaulDomain", "BackhaulIngest", "BackhaulLog", "BackhaulReplay",
                "BackhaulTelemetry", "BackhaulWire", crypto,
                hummingbird, hummingbirdCore, httpTypes, jwt, lifecycle, logging, nio, nioHTTPTypes,
            ],
            resources: [.embedInCode("openapi.yaml")]),
        room("BackhaulIngest", ["BackhaulDomain", "BackhaulWire", "BackhaulLog", "BackhaulTransfer"]),
        room(
            "BackhaulWorker",
            [
                "BackhaulDomain", "BackhaulWire", "BackhaulLog", "BackhaulTelemetry", "BackhaulTransfer",
                "BackhaulDestinations", logging,
            ]),
        room(
            "BackhaulAcknowledgment",
            ["BackhaulDomain", "BackhaulWire", "BackhaulLog", "BackhaulSQLite", "BackhaulTelemetry", grdb, logging]),
        room("BackhaulReplay", ["BackhaulDomain", "BackhaulWire", "BackhaulLog"]),
        room(
            "BackhaulAudit",
            ["BackhaulDomain", "BackhaulWire", "BackhaulLog", "BackhaulTransfer", "BackhaulDestinations"]),
        room(
            "BackhaulSettings",
            ["BackhaulDomain", "BackhaulTransfer", "BackhaulDestinations", yams]),
        .executableTarget(
            name: "backhaul",
            dependencies: [
                "BackhaulDomain", "BackhaulWire", "BackhaulLog", "BackhaulTelemetry", "BackhaulEmbedded",
                "BackhaulKafka",
                "BackhaulTransfer", "BackhaulDestinations", "BackhaulIngest", "BackhaulWorker",
                "BackhaulAcknowledgment", "BackhaulReplay", "BackhaulAudit", "BackhaulSettings", "BackhaulWeb",
                "CAllocator", argumentParser, logging,
            ],
            swiftSettings: strict),
        // Micro-benchmarks; make bench and the guard of make test run them.
        .target(name: "CCounting", path: "Benchmarks/Counting"),
        .executableTarget(
            name: "backhaul-micro",
            dependencies: [
                "BackhaulAcknowledgment", "BackhaulDestinations", "BackhaulDomain", "BackhaulEmbedded",
                "BackhaulIngest",
                "BackhaulLog", "BackhaulTransfer", "BackhaulWire", "BackhaulWorker", "CCounting", logging,
            ],
            path: "Benchmarks/Micro", swiftSettings: strict),
        // Tests and their kits.
        kit("BackhaulTestKit", ["BackhaulLog"]),
        .executableTarget(
            name: "backhaul-receiver", dependencies: ["BackhaulTestKit"], path: "Tests/BackhaulReceiver",
            swiftSettings: strict),
        kit("BackhaulLogConformance", ["BackhaulLog", "BackhaulTestKit"]),
        tests("BackhaulLogTests", ["BackhaulLog", "BackhaulTestKit"]),
        tests(
            "BackhaulEmbeddedTests",
            [
                "BackhaulEmbedded", "BackhaulLog", "BackhaulLogConformance", "BackhaulSQLite", "BackhaulTestKit", grdb,
                logging,
            ]),
        tests(
            "BackhaulKafkaTests",
            ["BackhaulKafka", "BackhaulLog", "BackhaulLogConformance", "BackhaulTestKit", "CLibrdkafka", logging]),
        kit(
            "BackhaulPipelineKit",
            [
                "BackhaulAcknowledgment", "BackhaulAudit", "BackhaulDestinations", "BackhaulDomain", "BackhaulEmbedded",
                "BackhaulIngest", "BackhaulLog", "BackhaulReplay", "BackhaulTestKit", "BackhaulTransfer",
                "BackhaulWire",
                "BackhaulWorker", logging,
            ]),
        tests("BackhaulDomainTests", ["BackhaulDomain"]),
        tests("BackhaulWireTests", ["BackhaulDomain", "BackhaulWire"]),
        tests("BackhaulTransferTests", ["BackhaulDomain", "BackhaulTransfer", "BackhaulTestKit", crypto]),
        tests("BackhaulDestinationsTests", ["BackhaulDestinations", "BackhaulDomain", "BackhaulTransfer"]),
        kit(
            "BackhaulFuzzKit",
            [
                "BackhaulAcknowledgment", "BackhaulAudit", "BackhaulDestinations", "BackhaulDomain", "BackhaulEmbedded",
                "BackhaulIngest", "BackhaulLog", "BackhaulPipelineKit", "BackhaulReplay", "BackhaulTestKit",
                "BackhaulWeb",
                "BackhaulWire", logging,
            ]),
        .executableTarget(
            name: "backhaul-fuzz", dependencies: ["BackhaulFuzzKit", argumentParser], path: "Tests/BackhaulFuzz",
            swiftSettings: strict),
        tests("BackhaulFuzzTests", ["BackhaulFuzzKit"]),
        tests(
            "BackhaulWorkerTests",
            [
                "BackhaulDestinations", "BackhaulDomain", "BackhaulIngest", "BackhaulLog", "BackhaulPipelineKit",
                "BackhaulReplay", "BackhaulTestKit", "BackhaulTransfer", "BackhaulWire", "BackhaulWorker", logging,
            ]),
        tests(
            "BackhaulAcknowledgmentTests",
            [
                "BackhaulAcknowledgment", "BackhaulAudit", "BackhaulDomain", "BackhaulIngest", "BackhaulLog",
                "BackhaulPipelineKit", "BackhaulTestKit", "BackhaulWire", logging,
            ]),
        tests(
            "BackhaulAuditTests",
            [
                "BackhaulAudit", "BackhaulDestinations", "BackhaulDomain", "BackhaulIngest", "BackhaulLog",
                "BackhaulPipelineKit", "BackhaulTestKit", "BackhaulTransfer", "BackhaulWire",
            ]),
        tests(
            "BackhaulIngestTests",
            ["BackhaulDomain", "BackhaulIngest", "BackhaulLog", "BackhaulPipelineKit", "BackhaulTestKit"]),
        tests(
            "BackhaulWebTests",
            [
                "BackhaulAcknowledgment", "BackhaulDomain", "BackhaulIngest", "BackhaulLog", "BackhaulPipelineKit",
                "BackhaulTestKit", "BackhaulWeb", "BackhaulWire", jwt, logging, nio,
            ]),
        tests(
            "BackhaulReplayTests",
            [
                "BackhaulAudit", "BackhaulDomain", "BackhaulEmbedded", "BackhaulIngest", "BackhaulLog",
                "BackhaulPipelineKit", "BackhaulReplay", "BackhaulTestKit", "BackhaulWire",
            ]),
        tests(
            "BackhaulSettingsTests",
            ["BackhaulDestinations", "BackhaulDomain", "BackhaulSettings", "BackhaulTestKit", "BackhaulTransfer"]),
        tests("BackhaulTelemetryTests", ["BackhaulTelemetry", logging]),
        tests("CommandTests", ["backhaul", "BackhaulTestKit"]),
    ]
)
