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
let deque = Target.Dependency.product(name: "DequeModule", package: "swift-collections")
let heap = Target.Dependency.product(name: "HeapModule", package: "swift-collections")
let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")
let cryptoExtras = Target.Dependency.product(name: "CryptoExtras", package: "swift-crypto")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let yams = Target.Dependency.product(name: "Yams", package: "Yams")
let hummingbird = Target.Dependency.product(name: "Hummingbird", package: "hummingbird")
let hummingbirdCore = Target.Dependency.product(name: "HummingbirdCore", package: "hummingbird")
let httpTypes = Target.Dependency.product(name: "HTTPTypes", package: "swift-http-types")
let nio = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let nioEmbedded = Target.Dependency.product(name: "NIOEmbedded", package: "swift-nio")
let nioHTTPTypes = Target.Dependency.product(name: "NIOHTTPTypes", package: "swift-nio-extras")
let nioSSL = Target.Dependency.product(name: "NIOSSL", package: "swift-nio-ssl")
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
        .package(url: "https://github.com/apple/swift-collections", exact: "1.6.0"),
        .package(url: "https://github.com/apple/swift-crypto", exact: "4.5.2"),
        .package(url: "https://github.com/apple/swift-http-types", exact: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log", exact: "1.16.2"),
        .package(url: "https://github.com/apple/swift-nio", exact: "2.101.2"),
        .package(url: "https://github.com/apple/swift-protobuf", exact: "1.39.0"),
        .package(url: "https://github.com/groue/GRDB.swift", exact: "7.10.0"),
        .package(
            url: "https://github.com/hummingbird-project/hummingbird", exact: "2.28.1", traits: ["FullFoundation"]),
        .package(url: "https://github.com/apple/swift-nio-extras", exact: "1.35.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", exact: "2.37.6"),
        .package(url: "https://github.com/vapor/jwt-kit", exact: "5.7.1"),
        .package(url: "https://github.com/jpsim/Yams", exact: "6.2.2"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", exact: "2.13.0"),
    ],
    targets: [
        .systemLibrary(name: "CAllocator"),
        .systemLibrary(name: "CLibcurl", pkgConfig: "libcurl", providers: [.apt(["libcurl4-openssl-dev"])]),
        .systemLibrary(name: "CLibrdkafka", pkgConfig: "rdkafka", providers: [.apt(["librdkafka-dev"])]),
        .systemLibrary(name: "CZstd", pkgConfig: "libzstd", providers: [.apt(["libzstd-dev"])]),
        room("BackhaulUnits"),
        room("BackhaulLoop"),
        room("BackhaulDomain", ["BackhaulUnits", crypto]),
        room(
            "BackhaulRecords",
            ["BackhaulDomain", "BackhaulLog", "BackhaulTelemetry", "BackhaulUnits", crypto, logging, protobuf]),
        room("BackhaulLog", ["BackhaulUnits"]),
        room("BackhaulTelemetry", ["BackhaulUnits", logging]),
        room("BackhaulSQLite", ["BackhaulUnits", grdb, sqlite]),
        room(
            "BackhaulEmbedded", ["BackhaulLog", "BackhaulSQLite", "BackhaulTelemetry", "BackhaulUnits", grdb, logging]),
        room(
            "BackhaulKafka",
            ["BackhaulLog", "BackhaulLoop", "BackhaulTelemetry", "BackhaulUnits", "CLibrdkafka", logging]),
        room("BackhaulFiles", ["BackhaulDomain", "BackhaulUnits", crypto]),
        room(
            "BackhaulTransfer",
            [
                "BackhaulDomain", "BackhaulFiles", "BackhaulLoop", "BackhaulTelemetry", "BackhaulUnits", "CLibcurl",
                crypto,
            ]),
        room(
            "BackhaulDestinations",
            ["BackhaulDomain", "BackhaulFiles", "BackhaulTransfer", "BackhaulUnits", crypto, deque]),
        room(
            "BackhaulWeb",
            [
                "BackhaulDomain", "BackhaulIngest", "BackhaulLog", "BackhaulRecords", "BackhaulReplay",
                "BackhaulSQLite", "BackhaulTelemetry", "BackhaulUnits", "BackhaulView", crypto, hummingbird,
                hummingbirdCore,
                httpTypes, jwt, lifecycle, logging, nio, nioHTTPTypes, nioSSL,
            ],
            resources: [.embedInCode("openapi.yaml")]),
        room("BackhaulIngest", ["BackhaulDomain", "BackhaulLog", "BackhaulRecords", "BackhaulUnits"]),
        room(
            "BackhaulWorker",
            [
                "BackhaulDestinations", "BackhaulDomain", "BackhaulFiles", "BackhaulLog", "BackhaulRecords",
                "BackhaulTelemetry", "BackhaulTransfer", "BackhaulUnits", deque, heap, logging,
            ]),
        room(
            "BackhaulAcknowledgment",
            ["BackhaulDomain", "BackhaulLog", "BackhaulRecords", "BackhaulTelemetry", "BackhaulUnits", logging]),
        room(
            "BackhaulView",
            [
                "BackhaulDomain", "BackhaulLog", "BackhaulRecords", "BackhaulSQLite", "BackhaulTelemetry",
                "BackhaulUnits", grdb, logging,
            ]),
        room(
            "BackhaulReplay",
            [
                "BackhaulDomain", "BackhaulLog", "BackhaulRecords", "BackhaulTelemetry", "BackhaulUnits", crypto,
                logging,
            ]),
        room(
            "BackhaulExport",
            ["BackhaulDomain", "BackhaulFiles", "BackhaulLog", "BackhaulRecords", "BackhaulUnits", "CZstd"]),
        room("BackhaulMigration", ["BackhaulDomain", "BackhaulLog", "BackhaulRecords", "BackhaulUnits"]),
        room(
            "BackhaulAudit",
            [
                "BackhaulDestinations", "BackhaulDomain", "BackhaulLog", "BackhaulRecords", "BackhaulSQLite",
                "BackhaulUnits", grdb,
            ]),
        room(
            "BackhaulSettings",
            ["BackhaulDestinations", "BackhaulDomain", "BackhaulFiles", "BackhaulTransfer", "BackhaulUnits", yams]),
        .executableTarget(
            name: "backhaul",
            dependencies: [
                "BackhaulAcknowledgment", "BackhaulAudit", "BackhaulDestinations", "BackhaulDomain", "BackhaulEmbedded",
                "BackhaulExport", "BackhaulFiles", "BackhaulIngest", "BackhaulKafka", "BackhaulLog",
                "BackhaulMigration",
                "BackhaulRecords",
                "BackhaulReplay", "BackhaulSQLite", "BackhaulSettings", "BackhaulTelemetry", "BackhaulTransfer",
                "BackhaulUnits",
                "BackhaulView", "BackhaulWeb", "BackhaulWorker", "CAllocator", argumentParser, logging, yams,
            ],
            swiftSettings: strict),
        // Micro-benchmarks; make bench and the guard of make test run them.
        .target(name: "CCounting", path: "Benchmarks/Counting"),
        .executableTarget(
            name: "backhaul-micro",
            dependencies: [
                "BackhaulAcknowledgment", "BackhaulDestinations", "BackhaulDomain", "BackhaulEmbedded", "BackhaulFiles",
                "BackhaulIngest", "BackhaulLog", "BackhaulRecords", "BackhaulTransfer", "BackhaulUnits",
                "BackhaulWorker", "CCounting",
                logging,
            ],
            path: "Benchmarks/Micro", swiftSettings: strict),
        // Tests and their kits.
        kit("BackhaulTestKit", ["BackhaulLog", "BackhaulUnits"]),
        .executableTarget(
            name: "backhaul-receiver", dependencies: ["BackhaulTestKit"], path: "Tests/BackhaulReceiver",
            swiftSettings: strict),
        kit(
            "BackhaulLogConformance",
            ["BackhaulLog", "BackhaulRecords", "BackhaulTestKit", "BackhaulUnits", logging]),
        tests("BackhaulUnitsTests", ["BackhaulUnits"]),
        tests("BackhaulLogTests", ["BackhaulLog", "BackhaulTestKit"]),
        tests(
            "BackhaulEmbeddedTests",
            [
                "BackhaulEmbedded", "BackhaulLog", "BackhaulLogConformance", "BackhaulSQLite", "BackhaulTestKit",
                "BackhaulUnits", grdb, logging,
            ]),
        tests(
            "BackhaulKafkaTests",
            [
                "BackhaulDomain", "BackhaulIngest", "BackhaulKafka", "BackhaulLog", "BackhaulLogConformance",
                "BackhaulTestKit", "BackhaulUnits", "CLibrdkafka", logging,
            ]),
        kit(
            "BackhaulPipelineKit",
            [
                "BackhaulAcknowledgment", "BackhaulAudit", "BackhaulDestinations", "BackhaulDomain", "BackhaulEmbedded",
                "BackhaulFiles", "BackhaulIngest", "BackhaulLog", "BackhaulRecords", "BackhaulReplay",
                "BackhaulTestKit", "BackhaulTransfer", "BackhaulUnits", "BackhaulWorker", logging,
            ]),
        tests("BackhaulDomainTests", ["BackhaulDomain", "BackhaulUnits"]),
        tests(
            "BackhaulRecordsTests",
            ["BackhaulDomain", "BackhaulLog", "BackhaulRecords", "BackhaulTestKit", "BackhaulUnits"]),
        tests(
            "BackhaulTransferTests",
            [
                "BackhaulDomain", "BackhaulFiles", "BackhaulTestKit", "BackhaulTransfer", "BackhaulUnits", "CLibcurl",
                crypto,
            ]),
        tests(
            "BackhaulDestinationsTests",
            [
                "BackhaulDestinations", "BackhaulDomain", "BackhaulFiles", "BackhaulTestKit", "BackhaulTransfer",
                "BackhaulUnits", crypto,
            ]),
        kit(
            "BackhaulFuzzKit",
            [
                "BackhaulAudit", "BackhaulDestinations", "BackhaulDomain", "BackhaulEmbedded", "BackhaulIngest",
                "BackhaulLog", "BackhaulPipelineKit", "BackhaulRecords", "BackhaulReplay", "BackhaulTestKit",
                "BackhaulUnits", "BackhaulView", "BackhaulWeb", logging,
            ]),
        .executableTarget(
            name: "backhaul-fuzz", dependencies: ["BackhaulFuzzKit", argumentParser], path: "Tests/BackhaulFuzz",
            swiftSettings: strict),
        tests("BackhaulFuzzTests", ["BackhaulFuzzKit"]),
        kit(
            "BackhaulSimulatorKit",
            [
                "BackhaulDestinations", "BackhaulDomain", "BackhaulLog", "BackhaulRecords", "BackhaulTestKit",
                "BackhaulUnits", "BackhaulWorker",
            ]),
        .executableTarget(
            name: "backhaul-simulator", dependencies: ["BackhaulSimulatorKit", argumentParser],
            path: "Tests/BackhaulSimulator", swiftSettings: strict),
        tests("BackhaulSimulatorTests", ["BackhaulSimulatorKit"]),
        tests(
            "BackhaulWorkerTests",
            [
                "BackhaulAudit", "BackhaulDestinations", "BackhaulDomain", "BackhaulEmbedded", "BackhaulFiles",
                "BackhaulIngest", "BackhaulLog", "BackhaulPipelineKit", "BackhaulRecords", "BackhaulReplay",
                "BackhaulTestKit", "BackhaulTransfer", "BackhaulUnits", "BackhaulWorker", logging,
            ]),
        tests(
            "BackhaulAcknowledgmentTests",
            [
                "BackhaulAcknowledgment", "BackhaulAudit", "BackhaulDomain", "BackhaulEmbedded", "BackhaulIngest",
                "BackhaulLog", "BackhaulPipelineKit", "BackhaulRecords", "BackhaulTelemetry", "BackhaulTestKit",
                "BackhaulUnits", "BackhaulView", logging,
            ]),
        tests(
            "BackhaulViewTests",
            [
                "BackhaulDomain", "BackhaulEmbedded", "BackhaulIngest", "BackhaulLog", "BackhaulPipelineKit",
                "BackhaulRecords", "BackhaulSQLite", "BackhaulTestKit", "BackhaulUnits", "BackhaulView", grdb, logging,
            ]),
        tests(
            "BackhaulAuditTests",
            [
                "BackhaulAudit", "BackhaulDestinations", "BackhaulDomain", "BackhaulEmbedded", "BackhaulFiles",
                "BackhaulIngest", "BackhaulLog", "BackhaulPipelineKit", "BackhaulRecords", "BackhaulTestKit",
                "BackhaulTransfer", "BackhaulUnits",
            ]),
        tests(
            "BackhaulIngestTests",
            [
                "BackhaulDomain", "BackhaulFiles", "BackhaulIngest", "BackhaulPipelineKit", "BackhaulTestKit",
                "BackhaulUnits",
            ]),
        tests(
            "BackhaulWebTests",
            [
                "BackhaulAudit", "BackhaulDomain", "BackhaulEmbedded", "BackhaulIngest", "BackhaulLog",
                "BackhaulPipelineKit", "BackhaulRecords", "BackhaulReplay", "BackhaulTelemetry", "BackhaulTestKit",
                "BackhaulUnits", "BackhaulView", "BackhaulWeb", crypto, cryptoExtras, jwt, logging, nio,
            ]),
        tests(
            "BackhaulExportTests",
            [
                "BackhaulDomain", "BackhaulEmbedded", "BackhaulExport", "BackhaulLog", "BackhaulPipelineKit",
                "BackhaulRecords", "BackhaulTestKit", "BackhaulUnits", "CZstd",
            ]),
        tests(
            "BackhaulReplayTests",
            [
                "BackhaulAudit", "BackhaulDestinations", "BackhaulDomain", "BackhaulEmbedded", "BackhaulIngest",
                "BackhaulLog", "BackhaulPipelineKit", "BackhaulRecords", "BackhaulReplay", "BackhaulTestKit",
                "BackhaulUnits", logging,
            ]),
        tests(
            "BackhaulMigrationTests",
            [
                "BackhaulAudit", "BackhaulDomain", "BackhaulEmbedded", "BackhaulIngest", "BackhaulLog",
                "BackhaulMigration", "BackhaulPipelineKit", "BackhaulRecords", "BackhaulReplay", "BackhaulTestKit",
                "BackhaulUnits",
                logging,
            ]),
        tests(
            "BackhaulSettingsTests",
            [
                "BackhaulDestinations", "BackhaulDomain", "BackhaulFiles", "BackhaulSettings", "BackhaulTestKit",
                "BackhaulTransfer", "BackhaulUnits",
            ]),
        tests("BackhaulTelemetryTests", ["BackhaulTelemetry", "BackhaulUnits", logging]),
        tests("CommandTests", ["BackhaulTestKit", "backhaul"]),
    ]
)
