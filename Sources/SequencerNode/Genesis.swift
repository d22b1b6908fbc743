package import Consensus
import Execution
import Foundation
package import Primitives
import StarkCurve
package import StarkField
import StarkHash
import Yams

/// What makes two nodes members of one chain. Read from `genesis.yaml`; its hash enters every
/// handshake, so a node with another genesis is refused at the door.
package struct Genesis: Codable, Sendable, Equatable {
    package struct Validator: Codable, Sendable, Equatable {
        package var name: String
        /// The x coordinate of the consensus key on the STARK curve.
        package var publicKey: String
        /// Voting power, 1 ... 2^53.
        package var stake: UInt64
        /// Where fees of its blocks go.
        package var feeAddress: String

        package init(name: String, publicKey: String, stake: UInt64, feeAddress: String) {
            self.name = name
            self.publicKey = publicKey
            self.stake = stake
            self.feeAddress = feeAddress
        }
    }

    package struct Account: Codable, Sendable, Equatable {
        package var publicKey: String
        /// In FRI (10^-18 STRK), decimal.
        package var balance: String

        package init(publicKey: String, balance: String) {
            self.publicKey = publicKey
            self.balance = balance
        }
    }

    /// A class that block 0 declares besides those of the system. Paths are relative to the genesis
    /// file; the hashes bind the chain to what the files hold.
    package struct Class: Codable, Sendable, Equatable {
        /// A Cairo class in Sierra: the compiler's output, or what `starknet_getClass` serves.
        package var sierra: String?
        /// What the Sierra class compiles to; without it, the node's compiler is asked.
        package var casm: String?
        /// A Cairo 0 class, instead of the other two.
        package var cairo0: String?
        package var classHash: String
        /// The compiled class's Poseidon hash; none for Cairo 0.
        package var compiledClassHash: String?

        package init(
            sierra: String? = nil, casm: String? = nil, cairo0: String? = nil, classHash: String,
            compiledClassHash: String? = nil
        ) {
            self.sierra = sierra
            self.casm = casm
            self.cairo0 = cairo0
            self.classHash = classHash
            self.compiledClassHash = compiledClassHash
        }
    }

    /// Milliseconds, except where named otherwise (PROTOCOL section 2, timers).
    package struct Timing: Codable, Sendable, Equatable {
        package var delta: UInt64 = 50
        package var slot: UInt64 = 2000
        package var beat: UInt64 = 50
        package var emptyBlock: UInt64 = 1000
        package var blockInterval: UInt64 = 8
        package var standstill: UInt64 = 500
        package init() {}
    }

    /// Constant prices in FRI and WEI per unit of gas, until an L1 oracle sets them.
    package struct Prices: Codable, Sendable, Equatable {
        package var l1GasFri: UInt64 = 1_000_000_000
        package var l1DataGasFri: UInt64 = 1_000_000_000
        package var l2GasFri: UInt64 = 1_000_000_000
        package var l1GasWei: UInt64 = 1_000_000
        package var l1DataGasWei: UInt64 = 1_000_000
        package var l2GasWei: UInt64 = 1_000_000
        package init() {}
    }

    package enum Payload: String, Codable, Sendable {
        /// Signed Starknet transactions, executed.
        case transactions
        /// Opaque bytes that are ordered and stored but not executed: for measuring agreement.
        case opaque
    }

    package var chainID: String
    /// Unix seconds.
    package var timestamp: UInt64
    /// Seed of the leader draw.
    package var leaderSeed: String
    package var windowLength: UInt64 = 16
    package var payload: Payload = .transactions
    package var timing = Timing()
    package var prices = Prices()
    package var validators: [Validator]
    package var accounts: [Account]
    package var classes: [Class]?

    package init(
        chainID: String, timestamp: UInt64, leaderSeed: String, validators: [Validator],
        accounts: [Account]
    ) {
        self.chainID = chainID
        self.timestamp = timestamp
        self.leaderSeed = leaderSeed
        self.validators = validators
        self.accounts = accounts
    }
}

/// What is wrong with a file that an operator wrote, and what to do.
package enum ConfigurationError: Error, CustomStringConvertible {
    case unreadable(path: String, reason: String)
    case malformed(path: String, reason: String)
    case invalid(file: String, field: String, value: String, rule: String)

    package var description: String {
        switch self {
        case .unreadable(let path, let reason):
            "cannot read \(path): \(reason). Check the path and its permissions."
        case .malformed(let path, let reason):
            "\(path) is not of the expected form: \(reason)"
        case .invalid(let file, let field, let value, let rule):
            "\(file): \(field) is '\(value)', but \(rule)."
        }
    }
}

/// A genesis whose fields have been checked and parsed.
package struct CheckedGenesis: Sendable {
    package struct Validator: Sendable {
        package let name: String
        package let publicKey: Felt
        package let stake: UInt64
        package let feeAddress: Felt
    }
    package struct Account: Sendable {
        package let publicKey: Felt
        package let balance: UInt128
    }

    package struct Class: Sendable {
        package enum Files: Sendable {
            case sierra(String, casm: String?, compiledClassHash: Felt)
            case cairo0(String)
        }
        package let files: Files
        package let classHash: Felt
    }

    package let source: Genesis
    package let chainID: Felt
    package let seed: Digest
    package let validators: [Validator]
    package let accounts: [Account]
    package let classes: [Class]
    /// Blake2s over the canonical text of the genesis.
    package let hash: Digest

    package init(_ genesis: Genesis) throws(ConfigurationError) {
        func invalid(_ field: String, _ value: String, _ rule: String) -> ConfigurationError {
            .invalid(file: "genesis", field: field, value: value, rule: rule)
        }
        func felt(_ field: String, _ text: String) throws(ConfigurationError) -> Felt {
            guard let value = Felt(hex: text) else {
                throw invalid(
                    field, text, "it must be 0x and at most 64 hexadecimal digits below p")
            }
            return value
        }
        guard let chain = Felt(shortString: genesis.chainID), !genesis.chainID.isEmpty else {
            throw invalid("chainID", genesis.chainID, "it must be 1 to 31 ASCII characters")
        }
        guard (1...256).contains(genesis.validators.count) else {
            throw invalid(
                "validators", "\(genesis.validators.count) entries", "there must be 1 to 256")
        }
        guard (2...1024).contains(genesis.windowLength) else {
            throw invalid("windowLength", "\(genesis.windowLength)", "it must be 2 to 1024")
        }
        let timing = genesis.timing
        guard timing.delta > 0, timing.slot > timing.emptyBlock, timing.beat > 0 else {
            throw invalid(
                "timing", "\(timing)", "delta and beat must be positive and slot above emptyBlock")
        }
        chainID = chain
        seed = Digest(try felt("leaderSeed", genesis.leaderSeed))
        var parsed: [Validator] = []
        var seen = Set<Felt>()
        for (index, entry) in genesis.validators.enumerated() {
            let key = try felt("validators[\(index)].publicKey", entry.publicKey)
            guard seen.insert(key).inserted else {
                throw invalid(
                    "validators[\(index)].publicKey", entry.publicKey, "each key may appear once")
            }
            guard entry.stake > 0, entry.stake <= 1 << 53 else {
                throw invalid(
                    "validators[\(index)].stake", "\(entry.stake)", "it must be 1 to 2^53")
            }
            parsed.append(
                Validator(
                    name: entry.name, publicKey: key, stake: entry.stake,
                    feeAddress: try felt("validators[\(index)].feeAddress", entry.feeAddress)))
        }
        validators = parsed
        var funded: [Account] = []
        for (index, entry) in genesis.accounts.enumerated() {
            guard let balance = UInt128(entry.balance) else {
                throw invalid(
                    "accounts[\(index)].balance", entry.balance, "it must be a decimal below 2^128")
            }
            funded.append(
                Account(
                    publicKey: try felt("accounts[\(index)].publicKey", entry.publicKey),
                    balance: balance))
        }
        accounts = funded
        var declared: [Class] = []
        for (index, entry) in (genesis.classes ?? []).enumerated() {
            let field = "classes[\(index)]"
            let hash = try felt("\(field).classHash", entry.classHash)
            switch (entry.sierra, entry.cairo0) {
            case (let sierra?, nil):
                let compiled = try felt(
                    "\(field).compiledClassHash", entry.compiledClassHash ?? "(missing)")
                declared.append(
                    Class(
                        files: .sierra(sierra, casm: entry.casm, compiledClassHash: compiled),
                        classHash: hash))
            case (nil, let cairo0?):
                declared.append(Class(files: .cairo0(cairo0), classHash: hash))
            default:
                throw invalid(
                    field, entry.classHash, "it must name a file as either sierra or cairo0")
            }
        }
        classes = declared
        source = genesis
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let text: Data
        do {
            text = try encoder.encode(genesis)
        } catch {
            throw .malformed(path: "genesis", reason: "\(error)")
        }
        guard let digest = Digest(bigEndianBytes: Blake2s.hash([UInt8](text))) else {
            preconditionFailure("Blake2s gives 32 bytes")
        }
        hash = digest
    }

    /// The 250-bit form of the genesis hash that names the root block in consensus.
    package var rootReference: BlockReference {
        BlockReference(
            slot: Slot(0),
            hash: Digest(hash.word0 & (1 << 58 - 1), hash.word1, hash.word2, hash.word3))
    }

    package var committee: Committee {
        Committee(
            chain: Digest(chainID), epoch: Epoch(0), powers: validators.map { Power($0.stake) })
    }
}

extension Digest {
    /// The field element of this value, reduced.
    package var felt: Felt {
        Felt(reducingBigEndianWords: (word0, word1, word2, word3))
    }
}
