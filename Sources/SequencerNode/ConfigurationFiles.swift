import Foundation
package import StarkCurve
package import StarkField
import Yams

/// One node's own file, `node.yaml`. Paths are relative to the file's folder.
package struct NodeConfiguration: Codable, Sendable {
    package struct Endpoint: Codable, Sendable {
        package var host: String
        package var port: Int
        package init(host: String, port: Int) {
            self.host = host
            self.port = port
        }
    }

    package struct Peer: Codable, Sendable {
        package var publicKey: String
        package var host: String
        package var port: Int
        package init(publicKey: String, host: String, port: Int) {
            self.publicKey = publicKey
            self.host = host
            self.port = port
        }
    }

    package var genesis: String = "../genesis.yaml"
    package var key: String = "key.yaml"
    package var data: String = "data"
    /// Where peers reach this node.
    package var listen: Endpoint
    package var rpc: Endpoint
    package var peers: [Peer]
    package var limits = Limits()
    /// StarkWare's `starknet-sierra-compile`; by default the one in PATH, if there is one.
    package var sierraCompiler: String?
    /// Whether the system's classes run as native code where that gives the same result; by
    /// default they do.
    package var nativeClasses: Bool?

    package struct Limits: Codable, Sendable {
        package var rpcBodyBytes: Int = 5 << 20
        package var rpcConcurrentRequests: Int = 256
        package var databaseGigabytes: Int = 64
        /// Threads that hash the state tries; by default half of the cores where there are four or
        /// more, else one.
        package var hashingThreads: Int?
        /// Threads that execute transactions side by side, likewise.
        package var executionThreads: Int?
        package init() {}
    }

    package init(listen: Endpoint, rpc: Endpoint, peers: [Peer]) {
        self.listen = listen
        self.rpc = rpc
        self.peers = peers
    }
}

/// A validator's or an account's secret, `key.yaml`, readable by its owner alone.
package struct KeyFile: Codable, Sendable {
    package var secretKey: String
    package var publicKey: String

    package init(secret: Felt, publicKey: Felt) {
        secretKey = secret.hexString
        self.publicKey = publicKey.hexString
    }

    /// A key from the system's random source.
    package static func generate() -> KeyFile {
        var generator = SystemRandomNumberGenerator()
        while true {
            let words: (UInt64, UInt64, UInt64, UInt64) = (
                generator.next() >> 5, generator.next(), generator.next(), generator.next()
            )
            if let secret = Felt(bigEndianWords: words), let key = SecretKey(secret) {
                return KeyFile(secret: secret, publicKey: key.publicKey)
            }
        }
    }

    package func secret(path: String) throws(ConfigurationError) -> SecretKey {
        guard let value = Felt(hex: secretKey), let key = SecretKey(value) else {
            throw .invalid(
                file: path, field: "secretKey", value: "(hidden)",
                rule: "it must be 0x and hexadecimal digits, from 1 to the curve's order")
        }
        guard Felt(hex: publicKey) == key.publicKey else {
            throw .invalid(
                file: path, field: "publicKey", value: publicKey,
                rule: "it must be the public key of secretKey, \(key.publicKey)")
        }
        return key
    }
}

/// Reading and writing the files of a node, with errors that name the file and the field.
package enum ConfigurationFile {
    package static func read<T: Decodable>(_ type: T.Type, at path: String)
        throws(ConfigurationError) -> T
    {
        let text: String
        do {
            text = try String(contentsOfFile: path, encoding: .utf8)
        } catch {
            let exists = FileManager.default.fileExists(atPath: path)
            throw .unreadable(
                path: path, reason: exists ? "\(error.localizedDescription)" : "no such file")
        }
        do {
            return try YAMLDecoder().decode(type, from: text)
        } catch let DecodingError.keyNotFound(key, _) {
            throw .malformed(path: path, reason: "the field '\(key.stringValue)' is missing")
        } catch let DecodingError.typeMismatch(expected, context) {
            let field = context.codingPath.map(\.stringValue).joined(separator: ".")
            throw .malformed(path: path, reason: "the field '\(field)' must be a \(expected)")
        } catch {
            throw .malformed(path: path, reason: "\(error)")
        }
    }

    package static func write(_ value: some Encodable, to path: String, secret: Bool = false)
        throws
    {
        let text = try YAMLEncoder().encode(value)
        let url = URL(fileURLWithPath: path)
        try FileManager.default.createDirectory(
            at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
        if secret {
            guard
                FileManager.default.createFile(
                    atPath: path, contents: Data(text.utf8),
                    attributes: [.posixPermissions: 0o600])
            else { throw ConfigurationError.unreadable(path: path, reason: "cannot be written") }
        } else {
            try Data(text.utf8).write(to: url)
        }
    }
}
