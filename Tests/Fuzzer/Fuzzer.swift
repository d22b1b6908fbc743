import FuzzTargets
import Glibc

/// The target that `PRYTANY_FUZZ_TARGET` names, on bytes that libFuzzer makes. Built by
/// `deploy/fuzz` alone.
enum Fuzzer {
    static let target: FuzzTarget = {
        let name = environment("PRYTANY_FUZZ_TARGET") ?? "none"
        guard let target = FuzzTarget(rawValue: name) else {
            let known = FuzzTarget.allCases.map(\.rawValue).joined(separator: ", ")
            stop("PRYTANY_FUZZ_TARGET is '\(name)'; it must be one of \(known)")
        }
        return target
    }()

    /// Puts the target's seeds where libFuzzer looks for them.
    static func writeSeeds() {
        guard let folder = environment("PRYTANY_FUZZ_CORPUS") else { return }
        for (index, seed) in target.seeds.enumerated() {
            guard let file = fopen("\(folder)/seed-\(index)", "wb") else {
                stop("cannot write a seed into \(folder)")
            }
            fwrite(seed, 1, seed.count, file)
            fclose(file)
        }
    }

    /// libFuzzer's own main: it takes the command line, and calls the function for each input.
    static func run() -> CInt {
        var count = CommandLine.argc
        var arguments = CommandLine.unsafeArgv
        return runDriver(&count, &arguments, fuzzOneInput)
    }

    private static func environment(_ name: String) -> String? {
        getenv(name).map { String(cString: $0) }
    }

    private static func stop(_ message: String) -> Never {
        let bytes = Array("prytany-fuzz: \(message)\n".utf8)
        _ = write(STDERR_FILENO, bytes, bytes.count)
        exit(2)
    }
}

@_silgen_name("LLVMFuzzerRunDriver")
private func runDriver(
    _ count: UnsafeMutablePointer<CInt>,
    _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>>,
    _ body: @convention(c) (UnsafePointer<UInt8>?, Int) -> CInt
) -> CInt

/// The name that libFuzzer's library refers to.
@_cdecl("LLVMFuzzerTestOneInput")
private func fuzzOneInput(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    Fuzzer.target.run(Array(UnsafeBufferPointer(start: data, count: count)))
    return 0
}
