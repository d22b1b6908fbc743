package import Primitives
package import WireCodec

/// A quorum's signatures: attributable, each signer once, in ascending order of index.
package struct Certificate: Hashable, Sendable {
    package enum Kind: Hashable, Sendable {
        case notar(BlockReference)
        case final(BlockReference)
        /// This slot may be bypassed. Signers may have named different slots of the window, none
        /// above this one.
        case skip(Window, Slot)
    }

    package struct Signer: Hashable, Sendable {
        package let index: ValidatorIndex
        /// The slot that this signer's SkipFrom names; the certificate's slot for other kinds.
        package let slot: Slot
        package let signature: SignatureBytes

        package init(index: ValidatorIndex, slot: Slot, signature: SignatureBytes) {
            self.index = index
            self.slot = slot
            self.signature = signature
        }
    }

    /// The most signers that an encoding may hold.
    package static let maximumSigners = 1024

    package let kind: Kind
    package let signers: [Signer]

    package init(kind: Kind, signers: [Signer]) {
        self.kind = kind
        self.signers = signers
    }

    package var slot: Slot {
        switch kind {
        case .notar(let reference), .final(let reference): reference.slot
        case .skip(_, let slot): slot
        }
    }

    /// The statement that `signer` must have signed.
    package func statement(of signer: Signer) -> Statement {
        switch kind {
        case .notar(let reference): .notar(reference)
        case .final(let reference): .final(reference)
        case .skip(let window, _): .skipFrom(window, signer.slot)
        }
    }

    package var statements: [SignedStatement] {
        signers.map {
            SignedStatement(
                statement: statement(of: $0), signer: $0.index, signature: $0.signature)
        }
    }
}

/// Why a certificate is none, whatever its signatures are worth.
package enum CertificateFault: Error, Hashable, Sendable {
    case signersNotAscending(ValidatorIndex)
    case unknownSigner(ValidatorIndex)
    case slotOutsideWindow(Slot)
    case slotAboveSkip(Slot)
    case noQuorum(power: PowerSum, total: PowerSum)
}

extension Certificate {
    /// Judges a certificate on its own signatures, never against statements held before (T1), and
    /// gives the signed statements whose signatures remain to be checked.
    package func judge(
        _ committee: Committee, windowLength: UInt64
    ) -> Result<[SignedStatement], CertificateFault> {
        var power = PowerSum()
        var previous: ValidatorIndex?
        for signer in signers {
            #if MUTANTS
                if Mutant.keyCountedTwice.isActive { previous = nil }
            #endif
            if let previous, signer.index <= previous {
                return .failure(.signersNotAscending(signer.index))
            }
            previous = signer.index
            guard let weight = committee.power(of: signer.index) else {
                return .failure(.unknownSigner(signer.index))
            }
            power.add(weight)
            if case .skip(let window, let slot) = kind {
                guard signer.slot.window(length: windowLength) == window else {
                    return .failure(.slotOutsideWindow(signer.slot))
                }
                guard signer.slot <= slot else { return .failure(.slotAboveSkip(signer.slot)) }
            }
        }
        if case .skip(let window, let slot) = kind, slot.window(length: windowLength) != window {
            return .failure(.slotOutsideWindow(slot))
        }
        guard VoteRules.isQuorum(power, of: committee.total) else {
            return .failure(.noQuorum(power: power, total: committee.total))
        }
        return .success(statements)
    }
}

extension Certificate: WireCodable {
    package func encode(into writer: inout WireWriter) {
        switch kind {
        case .notar(let reference):
            writer.write(UInt8(1))
            writer.write(reference)
        case .final(let reference):
            writer.write(UInt8(2))
            writer.write(reference)
        case .skip(let window, let slot):
            writer.write(UInt8(3))
            writer.write(window)
            writer.write(slot)
        }
        writer.write(UInt32(signers.count))
        for signer in signers {
            writer.write(signer.index)
            if case .skip = kind { writer.write(signer.slot) }
            writer.write(signer.signature)
        }
    }

    package init(from reader: inout WireReader) throws(WireError) {
        let tag = try reader.read(UInt8.self)
        let kind: Kind
        switch tag {
        case 1: kind = .notar(try reader.read())
        case 2: kind = .final(try reader.read())
        case 3:
            let window = try reader.read(counter: Window.self)
            kind = .skip(window, try reader.read(counter: Slot.self))
        default: throw .unknownTag(what: "certificate", tag: tag)
        }
        let count = try reader.readCount("signers", maximum: Certificate.maximumSigners)
        var signers: [Signer] = []
        signers.reserveCapacity(count)
        var previous: ValidatorIndex?
        for _ in 0..<count {
            let index = try reader.read(counter: ValidatorIndex.self)
            #if MUTANTS
                if Mutant.keyCountedTwice.isActive { previous = nil }
            #endif
            if let previous, index <= previous { throw .invalid(what: "order of signers") }
            previous = index
            let slot: Slot
            switch kind {
            case .notar(let reference), .final(let reference): slot = reference.slot
            case .skip: slot = try reader.read(counter: Slot.self)
            }
            signers.append(
                Signer(index: index, slot: slot, signature: try reader.readSignature()))
        }
        self.init(kind: kind, signers: signers)
    }
}
