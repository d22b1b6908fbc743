import ArgumentParser
import Foundation
import KernelBenchmarks

struct BenchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench", abstract: "Measure kernels, agreement and whole clusters.",
        subcommands: [Kernels.self])

    struct Kernels: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Nanoseconds of each cryptographic kernel on one core.")
        @Flag(help: "One JSON object.") var json = false

        func run() throws {
            let figures = KernelBenchmark.run()
            if json {
                let parts = figures.map { "\"\($0.name)\":\($0.nanosecondsPerOperation)" }
                say("{" + parts.joined(separator: ",") + "}")
            } else {
                for figure in figures {
                    say("\(figure.name): \(Int(figure.nanosecondsPerOperation)) ns")
                }
            }
        }
    }
}
