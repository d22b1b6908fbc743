import CairoVM

/// A program for timing machines, as its compiled cells: no hints, no input.
struct MachineProgram: Sendable {
    let name: String
    /// Those that `main` takes, in its order.
    let builtins: [Builtin]
    /// The place of `main`.
    let main: Int
    /// How often the loop turns in one run.
    let rounds: Int
    /// The cells; numbers below zero count from p.
    let cells: @Sendable (_ rounds: Int) -> [Int]

    init(
        name: String, builtins: [Builtin], main: Int, rounds: Int,
        cells: @escaping @Sendable (_ rounds: Int) -> [Int]
    ) {
        self.name = name
        self.builtins = builtins
        self.main = main
        self.rounds = rounds
        self.cells = cells
    }

    static let all = [fibonacci, memory, bitwise, pedersen, poseidon, keccak]

    /// Sums, in a function that calls itself. Compiled by cairo-lang 0.14.0.1 from:
    ///
    ///     func main() {
    ///         fib(1, 1, rounds);
    ///         return ();
    ///     }
    ///     func fib(a, b, n) -> (result: felt) {
    ///         if (n == 0) {
    ///             return (result=b);
    ///         }
    ///         return fib(b, a + b, n - 1);
    ///     }
    static let fibonacci = MachineProgram(
        name: "fibonacci", builtins: [], main: 0, rounds: 100_000
    ) { rounds in
        [
            0x480680017fff8000, 1, 0x480680017fff8000, 1, 0x480680017fff8000, rounds,
            0x1104800180018000, 3, 0x208b7fff7fff7ffe, 0x20780017fff7ffd, 4, 0x480a7ffc7fff8000,
            0x208b7fff7fff7ffe, 0x480a7ffc7fff8000, 0x482a7ffc7ffb8000, 0x482680017ffd8000, -1,
            0x1104800180018000, -8, 0x208b7fff7fff7ffe,
        ]
    }

    /// Writes an array, then reads it. Compiled by cairo-lang 0.14.0.1 from:
    ///
    ///     %builtins output
    ///     func main{output_ptr: felt*}() {
    ///         let (end) = fill(output_ptr, rounds);
    ///         let (sum) = total(output_ptr, rounds, 0);
    ///         let output_ptr = output_ptr + rounds;
    ///         return ();
    ///     }
    ///     func fill(place: felt*, n) -> (end: felt*) {
    ///         if (n == 0) {
    ///             return (end=place);
    ///         }
    ///         assert [place] = n;
    ///         return fill(place + 1, n - 1);
    ///     }
    ///     func total(place: felt*, n, sum) -> (sum: felt) {
    ///         if (n == 0) {
    ///             return (sum=sum);
    ///         }
    ///         return total(place + 1, n - 1, sum + [place]);
    ///     }
    static let memory = MachineProgram(
        name: "memory", builtins: [.output], main: 0, rounds: 50_000
    ) { rounds in
        [
            0x480a7ffd7fff8000, 0x480680017fff8000, rounds, 0x1104800180018000, 12,
            0x480a7ffd7fff8000, 0x480680017fff8000, rounds, 0x480680017fff8000, 0,
            0x1104800180018000, 17, 0x482680017ffd8000, rounds, 0x208b7fff7fff7ffe,
            0x20780017fff7ffd, 4, 0x480a7ffc7fff8000, 0x208b7fff7fff7ffe, 0x400380007ffc7ffd,
            0x482680017ffc8000, 1, 0x482680017ffd8000, -1, 0x1104800180018000, -9,
            0x208b7fff7fff7ffe, 0x20780017fff7ffc, 4, 0x480a7ffd7fff8000, 0x208b7fff7fff7ffe,
            0x480280007ffb8000, 0x482680017ffb8000, 1, 0x482680017ffc8000, -1, 0x48327ffd7ffd8000,
            0x1104800180018000, -10, 0x208b7fff7fff7ffe,
        ]
    }

    /// Exclusive or and a range check a turn. Compiled by cairo-lang 0.14.0.1 from:
    ///
    ///     %builtins range_check bitwise
    ///     from starkware.cairo.common.cairo_builtins import BitwiseBuiltin
    ///     func main{range_check_ptr, bitwise_ptr: BitwiseBuiltin*}() {
    ///         chain(1, rounds);
    ///         return ();
    ///     }
    ///     func chain{range_check_ptr, bitwise_ptr: BitwiseBuiltin*}(value, n) -> (value: felt) {
    ///         if (n == 0) {
    ///             return (value=value);
    ///         }
    ///         assert bitwise_ptr.x = value;
    ///         assert bitwise_ptr.y = n;
    ///         assert [range_check_ptr] = bitwise_ptr.x_xor_y;
    ///         let range_check_ptr = range_check_ptr + 1;
    ///         let bitwise_ptr = bitwise_ptr + BitwiseBuiltin.SIZE;
    ///         return chain([bitwise_ptr - BitwiseBuiltin.SIZE].x_xor_y + 1, n - 1);
    ///     }
    static let bitwise = MachineProgram(
        name: "bitwise", builtins: [.rangeCheck, .bitwise], main: 0, rounds: 50_000
    ) { rounds in
        [
            0x480a7ffc7fff8000, 0x480a7ffd7fff8000, 0x480680017fff8000, 1, 0x480680017fff8000,
            rounds, 0x1104800180018000, 5, 0x48127ffd7fff8000, 0x48127ffd7fff8000,
            0x208b7fff7fff7ffe, 0x20780017fff7ffd, 6, 0x480a7ffa7fff8000, 0x480a7ffb7fff8000,
            0x480a7ffc7fff8000, 0x208b7fff7fff7ffe, 0x400380007ffb7ffc, 0x400380017ffb7ffd,
            0x480280037ffb8000, 0x400280007ffa7fff, 0x480280037ffb8000, 0x482680017ffa8000, 1,
            0x482680017ffb8000, 5, 0x482480017ffd8000, 1, 0x482680017ffd8000, -1,
            0x1104800180018000, -19, 0x208b7fff7fff7ffe,
        ]
    }

    /// A chain of hashes. Compiled by cairo-lang 0.14.0.1 from:
    ///
    ///     %builtins pedersen
    ///     from starkware.cairo.common.cairo_builtins import HashBuiltin
    ///     from starkware.cairo.common.hash import hash2
    ///     func main{pedersen_ptr: HashBuiltin*}() {
    ///         chain{hash_ptr=pedersen_ptr}(1, rounds);
    ///         return ();
    ///     }
    ///     func chain{hash_ptr: HashBuiltin*}(value, n) -> (value: felt) {
    ///         if (n == 0) {
    ///             return (value=value);
    ///         }
    ///         let (next) = hash2(value, n);
    ///         return chain(next, n - 1);
    ///     }
    static let pedersen = MachineProgram(
        name: "pedersen", builtins: [.pedersen], main: 6, rounds: 2_000
    ) { rounds in
        [
            0x400380007ffb7ffc, 0x400380017ffb7ffd, 0x482680017ffb8000, 3, 0x480280027ffb8000,
            0x208b7fff7fff7ffe, 0x480a7ffd7fff8000, 0x480680017fff8000, 1, 0x480680017fff8000,
            rounds, 0x1104800180018000, 4, 0x48127ffe7fff8000, 0x208b7fff7fff7ffe,
            0x20780017fff7ffd, 5, 0x480a7ffb7fff8000, 0x480a7ffc7fff8000, 0x208b7fff7fff7ffe,
            0x480a7ffb7fff8000, 0x480a7ffc7fff8000, 0x480a7ffd7fff8000, 0x1104800180018000, -23,
            0x482680017ffd8000, -1, 0x1104800180018000, -12, 0x208b7fff7fff7ffe,
        ]
    }

    /// A chain of hashes. Compiled by cairo-lang 0.14.0.1 from:
    ///
    ///     %builtins poseidon
    ///     from starkware.cairo.common.cairo_builtins import PoseidonBuiltin
    ///     from starkware.cairo.common.builtin_poseidon.poseidon import poseidon_hash
    ///     func main{poseidon_ptr: PoseidonBuiltin*}() {
    ///         chain(1, rounds);
    ///         return ();
    ///     }
    ///     func chain{poseidon_ptr: PoseidonBuiltin*}(value, n) -> (value: felt) {
    ///         if (n == 0) {
    ///             return (value=value);
    ///         }
    ///         let (next) = poseidon_hash(value, n);
    ///         return chain(next, n - 1);
    ///     }
    static let poseidon = MachineProgram(
        name: "poseidon", builtins: [.poseidon], main: 9, rounds: 4_000
    ) { rounds in
        [
            0x400380007ffb7ffc, 0x400380017ffb7ffd, 0x480680017fff8000, 2, 0x400280027ffb7fff,
            0x482680017ffb8000, 6, 0x480280037ffb8000, 0x208b7fff7fff7ffe, 0x480a7ffd7fff8000,
            0x480680017fff8000, 1, 0x480680017fff8000, rounds, 0x1104800180018000, 4,
            0x48127ffe7fff8000, 0x208b7fff7fff7ffe, 0x20780017fff7ffd, 5, 0x480a7ffb7fff8000,
            0x480a7ffc7fff8000, 0x208b7fff7fff7ffe, 0x480a7ffb7fff8000, 0x480a7ffc7fff8000,
            0x480a7ffd7fff8000, 0x1104800180018000, -26, 0x482680017ffd8000, -1, 0x1104800180018000,
            -12, 0x208b7fff7fff7ffe,
        ]
    }

    /// A chain of permutations, with eight cells in and out. Compiled by cairo-lang 0.14.0.1 from:
    ///
    ///     %builtins keccak
    ///     from starkware.cairo.common.cairo_builtins import KeccakBuiltin
    ///     from starkware.cairo.common.keccak_state import KeccakBuiltinState
    ///     func main{keccak_ptr: KeccakBuiltin*}() {
    ///         chain(KeccakBuiltinState(1,2,3,4,5,6,7,8), rounds);
    ///         return ();
    ///     }
    ///     func chain{keccak_ptr: KeccakBuiltin*}(state: KeccakBuiltinState, n) -> (value: felt) {
    ///         if (n == 0) {
    ///             return (value=state.s0);
    ///         }
    ///         assert keccak_ptr.input = state;
    ///         let keccak_ptr = keccak_ptr + KeccakBuiltin.SIZE;
    ///         return chain([keccak_ptr - KeccakBuiltin.SIZE].output, n - 1);
    ///     }
    static let keccak = MachineProgram(
        name: "keccak", builtins: [.keccak], main: 0, rounds: 4_000
    ) { rounds in
        [
            0x480a7ffd7fff8000, 0x480680017fff8000, 1, 0x480680017fff8000, 2, 0x480680017fff8000, 3,
            0x480680017fff8000, 4, 0x480680017fff8000, 5, 0x480680017fff8000, 6, 0x480680017fff8000,
            7, 0x480680017fff8000, 8, 0x480680017fff8000, rounds, 0x1104800180018000, 4,
            0x48127ffe7fff8000, 0x208b7fff7fff7ffe, 0x20780017fff7ffd, 5, 0x480a7ff47fff8000,
            0x480a7ff57fff8000, 0x208b7fff7fff7ffe, 0x400380007ff47ff5, 0x400380017ff47ff6,
            0x400380027ff47ff7, 0x400380037ff47ff8, 0x400380047ff47ff9, 0x400380057ff47ffa,
            0x400380067ff47ffb, 0x400380077ff47ffc, 0x482680017ff48000, 16, 0x480280087ff48000,
            0x480280097ff48000, 0x4802800a7ff48000, 0x4802800b7ff48000, 0x4802800c7ff48000,
            0x4802800d7ff48000, 0x4802800e7ff48000, 0x4802800f7ff48000, 0x482680017ffd8000, -1,
            0x1104800180018000, -25, 0x208b7fff7fff7ffe,
        ]
    }
}
