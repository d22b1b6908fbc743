/// A point of a curve with its coordinates as integers, or the point at infinity.
enum SecpPoint: Hashable, Sendable {
    case infinity
    case affine(x: Words256, y: Words256)
}

/// The curves secp256k1 and secp256r1, y^2 = x^3 + a x + b over a prime field, both of prime order.
///
/// Source: SEC 2, version 2, sections 2.4.1 and 2.4.2; the formulas are the Jacobian ones of
/// H. Cohen, A. Miyaji, T. Ono, "Efficient elliptic curve exponentiation using mixed coordinates",
/// 1998.
struct SecpCurve: Sendable {
    let field: MontgomeryField
    private let a: Words256
    private let b: Words256
    let order: Words256

    static let k1 = SecpCurve(
        modulus: Words256(0xffff_fffe_ffff_fc2f, .max, .max, .max), a: .init(0), b: .init(7),
        order: Words256(
            0xbfd2_5e8c_d036_4141, 0xbaae_dce6_af48_a03b, 0xffff_ffff_ffff_fffe, .max))

    static let r1 = SecpCurve(
        modulus: Words256(.max, 0x0000_0000_ffff_ffff, 0, 0xffff_ffff_0000_0001),
        a: Words256(.max - 3, 0x0000_0000_ffff_ffff, 0, 0xffff_ffff_0000_0001),
        b: Words256(
            0x3bce_3c3e_27d2_604b, 0x651d_06b0_cc53_b0f6, 0xb3eb_bd55_7698_86bc,
            0x5ac6_35d8_aa3a_93e7),
        order: Words256(
            0xf3b9_cac2_fc63_2551, 0xbce6_faad_a717_9e84, .max, 0xffff_ffff_0000_0000))

    private init(modulus: Words256, a: Words256, b: Words256, order: Words256) {
        field = MontgomeryField(modulus: modulus)
        self.a = field.element(a)
        self.b = field.element(b)
        self.order = order
    }

    /// x^3 + a x + b in Montgomery form.
    private func rightSide(_ x: Words256) -> Words256 {
        let cube = field.product(field.product(x, x), x)
        return field.sum(field.sum(cube, field.product(a, x)), b)
    }

    /// The point with these coordinates, each below the field's modulus; (0, 0) is the point at
    /// infinity. Nil where there is none on the curve.
    func point(x: Words256, y: Words256) -> SecpPoint? {
        if x.isZero && y.isZero { return .infinity }
        let (mx, my) = (field.element(x), field.element(y))
        return field.product(my, my) == rightSide(mx) ? .affine(x: x, y: y) : nil
    }

    /// The point with this x, below the modulus, and a y of the given parity; nil where there is
    /// none.
    func point(x: Words256, yIsOdd: Bool) -> SecpPoint? {
        let square = rightSide(field.element(x))
        // Both moduli are 3 modulo 4.
        let root = field.power(square, field.modulus.quarterOfSuccessor)
        guard field.product(root, root) == square else { return nil }
        let y = field.integer(root)
        if y.isOdd == yIsOdd { return .affine(x: x, y: y) }
        // The other root of zero is zero itself: there is no odd one.
        return .affine(x: x, y: y.isZero ? y : field.modulus.subtracting(y).0)
    }

    // MARK: The group

    /// Jacobian coordinates in Montgomery form; z is zero at infinity.
    private struct Jacobian {
        var x: Words256
        var y: Words256
        var z: Words256
        var isInfinity: Bool { z.isZero }
    }

    private func jacobian(_ point: SecpPoint) -> Jacobian {
        switch point {
        case .infinity: Jacobian(x: field.one, y: field.one, z: Words256(0))
        case .affine(let x, let y):
            Jacobian(x: field.element(x), y: field.element(y), z: field.one)
        }
    }

    private func affine(_ point: Jacobian) -> SecpPoint {
        if point.isInfinity { return .infinity }
        let inverse = field.inverse(point.z)
        let square = field.product(inverse, inverse)
        return .affine(
            x: field.integer(field.product(point.x, square)),
            y: field.integer(field.product(point.y, field.product(square, inverse))))
    }

    private func doubled(_ p: Jacobian) -> Jacobian {
        if p.isInfinity || p.y.isZero {
            return Jacobian(x: field.one, y: field.one, z: Words256(0))
        }
        let f = field
        let yy = f.product(p.y, p.y)
        let xyy = f.product(p.x, yy)
        let s = f.sum(f.sum(xyy, xyy), f.sum(xyy, xyy))
        let xx = f.product(p.x, p.x)
        let zz = f.product(p.z, p.z)
        let m = f.sum(f.sum(xx, f.sum(xx, xx)), f.product(a, f.product(zz, zz)))
        let x = f.difference(f.product(m, m), f.sum(s, s))
        let y4 = f.product(yy, yy)
        let y4x2 = f.sum(y4, y4)
        let y4x8 = f.sum(f.sum(y4x2, y4x2), f.sum(y4x2, y4x2))
        let y = f.difference(f.product(m, f.difference(s, x)), y4x8)
        let yz = f.product(p.y, p.z)
        return Jacobian(x: x, y: y, z: f.sum(yz, yz))
    }

    private func sum(_ p: Jacobian, _ q: Jacobian) -> Jacobian {
        if p.isInfinity { return q }
        if q.isInfinity { return p }
        let f = field
        let (zz1, zz2) = (f.product(p.z, p.z), f.product(q.z, q.z))
        let (u1, u2) = (f.product(p.x, zz2), f.product(q.x, zz1))
        let s1 = f.product(p.y, f.product(zz2, q.z))
        let s2 = f.product(q.y, f.product(zz1, p.z))
        let (h, r) = (f.difference(u2, u1), f.difference(s2, s1))
        if h.isZero {
            return r.isZero ? doubled(p) : Jacobian(x: f.one, y: f.one, z: Words256(0))
        }
        let hh = f.product(h, h)
        let hhh = f.product(hh, h)
        let v = f.product(u1, hh)
        let x = f.difference(f.difference(f.product(r, r), hhh), f.sum(v, v))
        let y = f.difference(f.product(r, f.difference(v, x)), f.product(s1, hhh))
        return Jacobian(x: x, y: y, z: f.product(h, f.product(p.z, q.z)))
    }

    func sum(_ p: SecpPoint, _ q: SecpPoint) -> SecpPoint {
        affine(sum(jacobian(p), jacobian(q)))
    }

    /// The multiple of a point by any integer: the group's order makes its reduction unneeded.
    func product(_ point: SecpPoint, _ factor: Words256) -> SecpPoint {
        let base = jacobian(point)
        // Multiples 0 to 15, for four bits at a time.
        var table = [jacobian(.infinity), base]
        for index in 2..<16 {
            table.append(
                index & 1 == 0 ? doubled(table[index / 2]) : sum(table[index - 1], base))
        }
        var result = table[0]
        for window in (0..<64).reversed() {
            for _ in 0..<4 { result = doubled(result) }
            var digit = 0
            for bit in (0..<4).reversed() {
                digit = digit << 1 | (factor.bit(4 * window + bit) ? 1 : 0)
            }
            if digit != 0 { result = sum(result, table[digit]) }
        }
        return affine(result)
    }
}
