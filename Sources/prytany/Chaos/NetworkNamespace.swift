import Glibc

/// A network namespace without a name. The kernel takes it down, with every link that ends in it, when
/// this object and the last process in it are gone, however they end.
final class NetworkNamespace {
    private static let newNetwork: Int32 = 0x4000_0000  // CLONE_NEWNET

    private let descriptor: Int32
    /// As `ip` is told of it; for processes that this one starts.
    var path: String { "/proc/\(getpid())/fd/\(descriptor)" }

    init() throws {
        let home = try Self.openCurrent()
        defer { close(home) }
        let unshare = try Self.function("unshare", as: (@convention(c) (Int32) -> Int32).self)
        let join = try Self.join()
        guard unshare(Self.newNetwork) == 0 else {
            throw CommandFailure(
                "cannot make a network namespace: \(String(cString: strerror(errno)))")
        }
        let made = Result { try Self.openCurrent() }
        Self.enter(home, by: join)
        descriptor = try made.get()
    }

    deinit { close(descriptor) }

    /// Processes that the body starts, and sockets that it makes, are of this namespace.
    func enter<Value>(_ body: () throws -> Value) throws -> Value {
        let home = try Self.openCurrent()
        defer { close(home) }
        let join = try Self.join()
        Self.enter(descriptor, by: join)
        defer { Self.enter(home, by: join) }
        return try body()
    }

    // MARK: - What Swift's Glibc leaves out

    private typealias Join = @convention(c) (Int32, Int32) -> Int32

    private static func join() throws -> Join { try function("setns", as: Join.self) }

    /// Of the calling thread alone. It was there before or has made it: this cannot fail.
    private static func enter(_ descriptor: Int32, by join: Join) {
        guard join(descriptor, newNetwork) == 0 else {
            preconditionFailure(
                "setns(\(descriptor)) fails: \(String(cString: strerror(errno)))")
        }
    }

    private static func function<Function>(_ name: String, as type: Function.Type) throws
        -> Function
    {
        guard let symbol = dlsym(nil, name) else {
            throw CommandFailure("this system has no \(name)")
        }
        return unsafeBitCast(symbol, to: type)
    }

    private static func openCurrent() throws -> Int32 {
        let path = "/proc/thread-self/ns/net"
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw CommandFailure("cannot open \(path): \(String(cString: strerror(errno)))")
        }
        return descriptor
    }
}
