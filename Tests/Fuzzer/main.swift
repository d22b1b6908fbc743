import Glibc

Fuzzer.writeSeeds()
exit(Fuzzer.run())
