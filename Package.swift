// swift-tools-version: 6.2
import PackageDescription

/// deploy/fuzz builds every layer with coverage.
let isFuzzing = Context.environment["PRYTANY_FUZZ"] != nil

/// deploy/mutants builds the replica and the simulator with switches for known bugs.
let hasMutants = Context.environment["PRYTANY_MUTANTS"] != nil

let settings: [SwiftSetting] =
    [
        .swiftLanguageMode(.v6),
        .enableUpcomingFeature("ExistentialAny"),
        .enableUpcomingFeature("MemberImportVisibility"),
        .enableUpcomingFeature("InternalImportsByDefault"),
        .treatAllWarnings(as: .error),
    ] + (isFuzzing ? [.unsafeFlags(["-sanitize=fuzzer"])] : [])
    + (hasMutants ? [.define("MUTANTS")] : [])

func layer(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: settings)
}

/// A target whose tests reach its internal parts. The flag is here, and not on the command line, so
/// that the product and the tests are one build.
func testableLayer(
    _ name: String, _ dependencies: [Target.Dependency] = [], exclude: [String] = []
) -> Target {
    .target(
        name: name, dependencies: dependencies, exclude: exclude,
        swiftSettings: settings + [.unsafeFlags(["-enable-testing"])])
}

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .testTarget(
        name: name, dependencies: dependencies + ["TestSupport"], path: "Tests/\(name)",
        swiftSettings: settings)
}

/// The arithmetic kernels, whose build may use what the machine has: PRYTANY_CPU is `baseline` (the
/// default, which runs everywhere), `x86-64-v3` or `x86-64-v4`; 512-bit vectors pay, 256-bit ones
/// don't. The flag reaches Swift code although it is Clang's. Such a build stops at an illegal
/// instruction on a machine that has less.
func kernel(
    _ name: String, _ dependencies: [Target.Dependency] = [], exclude: [String] = []
) -> Target {
    let cpu = Context.environment["PRYTANY_CPU"] ?? "baseline"
    var kernelSettings = settings
    switch cpu {
    case "baseline": break
    case "x86-64-v3": kernelSettings.append(.unsafeFlags(["-Xcc", "-march=x86-64-v3"]))
    case "x86-64-v4":
        kernelSettings += [.define("WIDE_VECTORS"), .unsafeFlags(["-Xcc", "-march=x86-64-v4"])]
    default: fatalError("PRYTANY_CPU is baseline, x86-64-v3 or x86-64-v4, not \(cpu)")
    }
    return .target(
        name: name, dependencies: dependencies, exclude: exclude, swiftSettings: kernelSettings)
}

let nioCore: Target.Dependency = .product(name: "NIOCore", package: "swift-nio")
let nioPosix: Target.Dependency = .product(name: "NIOPosix", package: "swift-nio")
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let metrics: Target.Dependency = .product(name: "Metrics", package: "swift-metrics")
let lifecycle: Target.Dependency = .product(
    name: "ServiceLifecycle", package: "swift-service-lifecycle")
let signals: Target.Dependency = .product(
    name: "UnixSignals", package: "swift-service-lifecycle")
let hummingbird: Target.Dependency = .product(name: "HummingbirdCore", package: "hummingbird")
let httpTypes: Target.Dependency = .product(name: "HTTPTypes", package: "swift-http-types")
let nioHTTPTypes: Target.Dependency = .product(name: "NIOHTTPTypes", package: "swift-nio-extras")
let arguments: Target.Dependency = .product(
    name: "ArgumentParser", package: "swift-argument-parser")
let yams: Target.Dependency = .product(name: "Yams", package: "Yams")

let targets: [Target] =
    [
        // Layer 0
        layer("Primitives"),
        layer("WireCodec", ["Primitives"]),
        layer("JSONText"),
        kernel("StarkField"),
        kernel("StarkCurve", ["StarkField"]),
        kernel("StarkHash", ["StarkField", "StarkCurve"]),
        .systemLibrary(
            name: "COpenSSL", pkgConfig: "openssl", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(
            name: "CNghttp2", pkgConfig: "libnghttp2", providers: [.apt(["libnghttp2-dev"])]),
        .systemLibrary(name: "CLMDB", pkgConfig: "lmdb", providers: [.apt(["liblmdb-dev"])]),
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        // Layer 1
        layer("StateTrie", ["StarkField", "StarkHash"]),
        kernel(
            "CairoVM", ["StarkField", "StarkCurve", "StarkHash", "JSONText"],
            exclude: ["HintLanguage/whitelist.py"]),
        testableLayer(
            "Execution",
            [
                "Primitives", "WireCodec", "JSONText", "StarkField", "StarkCurve", "StarkHash",
                "CairoVM",
            ], exclude: ["Constants/generate.py"]),
        .target(
            name: "SystemContracts",
            dependencies: ["JSONText", "StarkField", "StarkHash", "CairoVM", "Execution"],
            exclude: ["Cairo", "build"], swiftSettings: settings),
        layer("Consensus", ["Primitives", "WireCodec"]),
        layer("Mempool", ["Primitives", "WireCodec"]),
        layer("Replication", ["Primitives", "WireCodec", "Consensus"]),
        layer(
            "Replica",
            [
                "Primitives", "WireCodec", "StarkField", "StarkCurve", "StarkHash", "Consensus",
                "Mempool", "Replication",
            ]),
        layer(
            "Adversary",
            [
                "Primitives", "WireCodec", "Consensus", "Mempool", "Replication", "Replica",
            ]),
        // Layer 2
        testableLayer("Storage", ["Primitives", "WireCodec", "CLMDB"]),
        testableLayer(
            "Transport",
            ["Primitives", "WireCodec", "COpenSSL", "CNghttp2", nioCore, nioPosix, logging]),
        testableLayer(
            "RPC",
            [
                "Primitives", "JSONText", "StarkField", "StarkHash", "StateTrie", "CairoVM",
                "Execution", hummingbird, httpTypes, nioHTTPTypes, nioCore, nioPosix, logging,
                metrics, lifecycle,
            ]),
        testableLayer("LinkProxy", [nioCore, nioPosix]),
        // Layer 3
        layer(
            "KernelBenchmarks",
            [
                "Primitives", "StarkField", "StarkCurve", "StarkHash", "CairoVM", "Execution",
                "SystemContracts",
            ]),
        layer(
            "Simulation",
            [
                "Primitives", "WireCodec", "StarkField", "StarkCurve", "StarkHash", "Consensus",
                "Mempool", "Replication", "Replica", "Storage", "Adversary",
            ]),
        testableLayer(
            "SequencerNode",
            [
                "Primitives", "WireCodec", "JSONText", "StarkField", "StarkCurve", "StarkHash",
                "StateTrie", "CairoVM", "Execution", "SystemContracts", "Consensus", "Mempool",
                "Replication", "Replica", "Storage", "Transport", "RPC", "CZlib", logging,
                metrics, lifecycle, signals, nioPosix, yams,
            ]),
        // Layer 4
        .executableTarget(
            name: "prytany",
            dependencies: [
                "Primitives", "WireCodec", "StarkField", "StarkCurve", "StarkHash", "StateTrie",
                "Execution", "Consensus", "Replica", "Storage", "SequencerNode", "KernelBenchmarks",
                "Adversary", "Simulation", "LinkProxy", logging, arguments, lifecycle, yams,
            ],
            swiftSettings: settings),
        .executableTarget(
            name: "prytany-chaos",
            dependencies: [
                "Primitives", "Consensus", "Replication", "Replica", "Adversary", "Simulation",
                "SequencerNode", "Storage", logging, arguments,
            ],
            swiftSettings: settings),
        // Tests
        .target(name: "TestSupport", path: "Tests/TestSupport", swiftSettings: settings),
        tests("PrimitivesTests", ["Primitives"]),
        tests("WireCodecTests", ["Primitives", "WireCodec"]),
        tests("JSONTextTests", ["Primitives", "JSONText"]),
        tests("StarkFieldTests", ["StarkField"]),
        tests("StarkCurveTests", ["StarkField", "StarkCurve"]),
        tests("StarkHashTests", ["StarkField", "StarkCurve", "StarkHash"]),
        .testTarget(
            name: "CairoVMTests",
            dependencies: ["StarkField", "StarkCurve", "JSONText", "CairoVM", "TestSupport"],
            path: "Tests/CairoVMTests", exclude: ["cairo_lang_runs.py", "Cairo0"],
            swiftSettings: settings),
        tests("StateTrieTests", ["Primitives", "StarkField", "StarkHash", "StateTrie"]),
        .testTarget(
            name: "ExecutionTests",
            dependencies: [
                "Primitives", "WireCodec", "JSONText", "StarkField", "StarkCurve", "StarkHash",
                "StateTrie", "CairoVM", "Execution", "SystemContracts", "TestSupport",
            ], path: "Tests/ExecutionTests", exclude: ["Contracts", "reference.py"],
            swiftSettings: settings),
        .testTarget(
            name: "SystemContractsTests",
            dependencies: [
                "StarkField", "StarkCurve", "StarkHash", "JSONText", "CairoVM", "Execution",
                "SystemContracts", "TestSupport",
            ], path: "Tests/SystemContractsTests", exclude: ["reference.py", "typed_data.py"],
            swiftSettings: settings),
        tests("ConsensusTests", ["Primitives", "WireCodec", "Consensus"]),
        tests("MempoolTests", ["Primitives", "WireCodec", "Mempool"]),
        tests("ReplicationTests", ["Primitives", "WireCodec", "Consensus", "Replication"]),
        tests(
            "ReplicaTests",
            [
                "Primitives", "WireCodec", "StarkField", "StarkCurve", "StarkHash", "Consensus",
                "Mempool", "Replication", "Replica",
            ]),
        tests(
            "AdversaryTests",
            [
                "Primitives", "WireCodec", "StarkField", "StarkCurve", "Consensus", "Mempool",
                "Replication", "Replica", "Adversary",
            ]),
        tests(
            "SimulationTests",
            [
                "Primitives", "WireCodec", "StarkField", "StarkCurve", "StarkHash", "Consensus",
                "Mempool", "Replication", "Replica", "Storage", "Adversary", "Simulation", yams,
            ]),
        tests("StorageTests", ["Primitives", "WireCodec", "Storage", logging]),
        tests(
            "TransportTests",
            ["Primitives", "WireCodec", "Transport", "COpenSSL", nioCore, nioPosix, logging]),
        tests("LinkProxyTests", ["LinkProxy", nioCore, nioPosix]),
        tests(
            "RPCTests",
            [
                "Primitives", "JSONText", "StarkField", "StarkHash", "StateTrie", "CairoVM",
                "Execution", "RPC", logging, metrics, lifecycle,
            ]),
        tests(
            "SequencerNodeTests",
            ["WireCodec", "JSONText", "StarkField", "CairoVM", "Execution", "SequencerNode"]),
        .testTarget(
            name: "ClusterTests", dependencies: ["TestSupport"], path: "Tests/ClusterTests",
            exclude: ["client.py", "contracts.py"], swiftSettings: settings),
        tests("ArchitectureTests", []),
        .target(
            name: "FuzzTargets",
            dependencies: [
                "Primitives", "WireCodec", "JSONText", "StarkField", "CairoVM", "Execution",
                "Consensus", "Replication", "Replica", "Storage", "Transport", "RPC",
            ], path: "Tests/FuzzTargets", swiftSettings: settings),
        tests("FuzzTests", ["FuzzTargets"]),
    ] + fuzzer + mutants

/// libFuzzer's program, built by deploy/fuzz alone.
var fuzzer: [Target] {
    guard isFuzzing else { return [] }
    return [
        .executableTarget(
            name: "prytany-fuzz", dependencies: ["FuzzTargets"], path: "Tests/Fuzzer",
            swiftSettings: settings,
            linkerSettings: [.unsafeFlags(["-sanitize=fuzzer"])])
    ]
}

/// Runs the simulator against each known bug, built by deploy/mutants alone.
var mutants: [Target] {
    guard hasMutants else { return [] }
    return [
        .executableTarget(
            name: "prytany-mutants",
            dependencies: ["Primitives", "Adversary", "Simulation"], path: "Tests/Mutants",
            swiftSettings: settings)
    ]
}

let package = Package(
    name: "prytany",
    platforms: [.macOS(.v15)],
    dependencies: [
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-nio-extras", from: "1.34.1"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
    ],
    targets: targets
)
