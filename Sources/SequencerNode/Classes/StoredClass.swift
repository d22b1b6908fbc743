import CairoVM
import Execution
import JSONText
import Primitives
import StarkField
import Storage
import SystemContracts
import WireCodec

/// A declared class as storage keeps it.
enum StoredClass: WireCodable {
    /// Both forms, each in `PackedJSON`.
    case sierra(sierra: [UInt8], casm: [UInt8])
    /// Cairo 0, in `PackedJSON`.
    case deprecated([UInt8])

    /// Bytes of one form: a genesis class may be larger than what a transaction carries.
    private static let maximumBytes = 8 << 20

    func encode(into writer: inout WireWriter) {
        switch self {
        case .sierra(let sierra, let casm):
            writer.write(UInt8(0))
            writer.write(sierra)
            writer.write(casm)
        case .deprecated(let packed):
            writer.write(UInt8(1))
            writer.write(packed)
        }
    }

    init(from reader: inout WireReader) throws(WireError) {
        switch try reader.read(UInt8.self) {
        case 0:
            self = .sierra(
                sierra: try reader.readBytes("Sierra class", maximum: Self.maximumBytes),
                casm: try reader.readBytes("compiled class", maximum: Self.maximumBytes))
        case 1:
            self = .deprecated(
                try reader.readBytes("Cairo 0 class", maximum: Self.maximumBytes))
        case let tag: throw .unknownTag(what: "stored class", tag: tag)
        }
    }
}

/// Why a class's bytes are none.
enum ClassBytesError: Error, CustomStringConvertible {
    case packed(PackedJSONError)
    case malformed(ClassError)

    var description: String {
        switch self {
        case .packed(let error): "not a packed class: \(error)"
        case .malformed(let error): "\(error)"
        }
    }
}

/// From packed bytes to classes.
enum ClassBytes {
    static func json(
        _ packed: [UInt8], limits: JSONLimits
    ) throws(ClassBytesError) -> JSONValue {
        do throws(PackedJSONError) {
            return try PackedJSON.decode(packed, limits: limits)
        } catch { throw .packed(error) }
    }

    static func sierra(_ packed: [UInt8]) throws(ClassBytesError) -> SierraClass {
        let limits = SierraClass.Limits()
        let json = try json(packed, limits: limits.json)
        do throws(ClassError) {
            return try SierraClass(json, limits: limits)
        } catch { throw .malformed(error) }
    }

    static func casm(_ packed: [UInt8]) throws(ClassBytesError) -> CasmClass {
        let limits = CasmClass.Limits()
        let json = try json(packed, limits: limits.json)
        do throws(ClassError) {
            return try CasmClass(json, limits: limits)
        } catch { throw .malformed(error) }
    }

    static func declared(
        sierra: [UInt8], casm: [UInt8]
    ) throws(ClassBytesError) -> DeclaredContract {
        DeclaredContract(sierra: try self.sierra(sierra), casm: try self.casm(casm))
    }

    static func deprecated(_ packed: [UInt8]) throws(ClassBytesError) -> DeprecatedClass {
        let limits = DeprecatedClass.Limits()
        let json = try json(packed, limits: limits.program.json)
        do throws(ClassError) {
            return try DeprecatedClass(json, limits: limits)
        } catch { throw .malformed(error) }
    }

    static func compiled(_ stored: StoredClass) throws(ClassBytesError) -> CompiledClass {
        switch stored {
        case .sierra(let sierra, let casm):
            // Only the version is needed of the Sierra form, but it is read whole: whatever is
            // stored has been read so before.
            CompiledClass(
                try self.casm(casm), sierraVersion: try self.sierra(sierra).sierraVersion)
        case .deprecated(let packed): CompiledClass(try deprecated(packed))
        }
    }
}

extension JSONLimits {
    /// Of any class that is read here.
    static let classes: JSONLimits = {
        var limits = JSONLimits()
        limits.values = 4_000_000
        limits.members = 200_000
        limits.depth = 64
        return limits
    }()
}

extension StoredClass {
    /// A class of the system as genesis writes it.
    static func write(_ system: SystemClass) throws(JSONError) -> ClassWrite {
        let stored = StoredClass.sierra(
            sierra: PackedJSON.encode(
                try JSONParser.parse(system.sierraJSON, limits: .classes)),
            casm: PackedJSON.encode(try JSONParser.parse(system.casmJSON, limits: .classes)))
        return ClassWrite(hash: Digest(system.classHash), definition: stored.encoded())
    }
}
