import FuzzTargets
import Glibc

/// libFuzzer's entry: the target that `PRYTANY_FUZZ_TARGET` names, on bytes that libFuzzer makes.
/// Built by `deploy/fuzz` alone.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOneInput(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    target.run(Array(UnsafeBufferPointer(start: data, count: count)))
    return 0
}

private let target: FuzzTarget = {
    let name = getenv("PRYTANY_FUZZ_TARGET").map { String(cString: $0) } ?? "none"
    guard let target = FuzzTarget(rawValue: name) else {
        let known = FuzzTarget.allCases.map(\.rawValue).joined(separator: ", ")
        fputs("PRYTANY_FUZZ_TARGET is '\(name)'; it must be one of \(known)\n", stderr)
        exit(2)
    }
    // Seeds go where libFuzzer looks for them.
    if let folder = getenv("PRYTANY_FUZZ_CORPUS").map({ String(cString: $0) }) {
        for (index, seed) in target.seeds.enumerated() {
            guard let file = fopen("\(folder)/seed-\(index)", "wb") else {
                fputs("cannot write a seed into \(folder)\n", stderr)
                exit(2)
            }
            fwrite(seed, 1, seed.count, file)
            fclose(file)
        }
    }
    return target
}()

@_cdecl("LLVMFuzzerInitialize")
public func fuzzInitialize(
    _ count: UnsafeMutablePointer<CInt>?,
    _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?>?
) -> CInt {
    _ = target
    return 0
}
