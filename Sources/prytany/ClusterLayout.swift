import Foundation
import SequencerNode
import StarkField

/// The folder of a development cluster: `genesis.yaml`, `accounts.yaml`, and one folder a node.
struct ClusterLayout {
    struct Shape {
        var validators: Int
        var accounts = 10
        var payload = Genesis.Payload.transactions
        var peerPort = 9645
        var rpcPort = 9545
        /// Files of classes that the genesis declares.
        var classes: [String] = []
        var sierraCompiler: String?
    }

    let directory: String

    var genesisPath: String { "\(directory)/genesis.yaml" }
    var accountsPath: String { "\(directory)/accounts.yaml" }
    func nodeDirectory(_ index: Int) -> String { "\(directory)/node-\(index)" }
    func configurationPath(_ index: Int) -> String { "\(nodeDirectory(index))/node.yaml" }
    func logPath(_ index: Int) -> String { "\(nodeDirectory(index))/node.log" }
    var exists: Bool { FileManager.default.fileExists(atPath: genesisPath) }

    struct FundedAccount: Codable {
        var address: String
        var publicKey: String
        var secretKey: String
        var balance: String
    }

    /// Writes a new cluster's files. Nothing is overwritten.
    func create(_ shape: Shape) throws {
        guard (1...256).contains(shape.validators) else {
            throw CommandFailure("--validators \(shape.validators): a cluster has 1 to 256")
        }
        let keys = (0..<shape.validators).map { _ in KeyFile.generate() }
        let accountKeys = (0..<shape.accounts).map { _ in KeyFile.generate() }
        let balance = "1000000000000000000000000"
        let accounts = try accountKeys.map { key in
            FundedAccount(
                address: try Accounts.address(publicKey: key.publicKey), publicKey: key.publicKey,
                secretKey: key.secretKey, balance: balance)
        }
        var generator = SystemRandomNumberGenerator()
        let seed =
            "0x"
            + (0..<3).map { _ in String(generator.next() as UInt64, radix: 16) }.joined()
        var genesis = Genesis(
            chainID: "PRYTANY_DEV", timestamp: UInt64(Date().timeIntervalSince1970),
            leaderSeed: seed,
            validators: try keys.enumerated().map { index, key in
                Genesis.Validator(
                    name: "validator-\(index)", publicKey: key.publicKey, stake: 100,
                    feeAddress: try Accounts.address(publicKey: key.publicKey))
            },
            accounts: accounts.map {
                Genesis.Account(publicKey: $0.publicKey, balance: $0.balance)
            })
        genesis.payload = shape.payload
        genesis.classes = try classes(shape)
        for (index, key) in keys.enumerated() {
            let peers = keys.enumerated().filter { $0.offset != index }.map { other, key in
                NodeConfiguration.Peer(
                    publicKey: key.publicKey, host: "127.0.0.1", port: shape.peerPort + other)
            }
            let configuration = NodeConfiguration(
                listen: .init(host: "127.0.0.1", port: shape.peerPort + index),
                rpc: .init(host: "127.0.0.1", port: shape.rpcPort + index), peers: peers)
            try ConfigurationFile.write(configuration, to: configurationPath(index))
            try ConfigurationFile.write(key, to: "\(nodeDirectory(index))/key.yaml", secret: true)
        }
        try ConfigurationFile.write(accounts, to: accountsPath, secret: true)
        // Last: a folder with a genesis is a whole one.
        try ConfigurationFile.write(genesis, to: genesisPath)
    }

    /// Copies the class files into the cluster's folder; nil where there are none.
    private func classes(_ shape: Shape) throws -> [Genesis.Class]? {
        guard !shape.classes.isEmpty else { return nil }
        try FileManager.default.createDirectory(
            atPath: "\(directory)/classes", withIntermediateDirectories: true)
        return try shape.classes.enumerated().map { index, path in
            let name = "classes/\(index)-\(URL(fileURLWithPath: path).lastPathComponent)"
            let (entry, casm) = try GenesisClasses.entry(
                of: path, name: name, compiler: shape.sierraCompiler)
            if let casm {
                try Data(casm).write(to: URL(fileURLWithPath: "\(directory)/\(name).casm"))
            }
            let copy = "\(directory)/\(name)"
            if FileManager.default.fileExists(atPath: copy) {
                try FileManager.default.removeItem(atPath: copy)
            }
            try FileManager.default.copyItem(atPath: path, toPath: copy)
            return entry
        }
    }

    func accounts() throws -> [FundedAccount] {
        try ConfigurationFile.read([FundedAccount].self, at: accountsPath)
    }

    func genesis() throws -> CheckedGenesis {
        try CheckedGenesis(ConfigurationFile.read(Genesis.self, at: genesisPath))
    }

    func rpcPorts() throws -> [Int] {
        let count = try genesis().validators.count
        return try (0..<count).map {
            try ConfigurationFile.read(NodeConfiguration.self, at: configurationPath($0)).rpc.port
        }
    }
}
