# . rootfs/apt.sh SUITE ARCHITECTURE FOLDER: for recipes that unpack Debian's packages without installing them. After it,
# `apt TOOL ARGUMENT...` is apt-get or apt-cache for these, as if nothing were installed; `download PACKAGE...` brings just these
# packages, and `unpack OUT` unpacks what was downloaded last. Lists and downloads are in FOLDER: the machine's own apt and its
# architectures are left alone, and so an ordinary user may do it too. A recipe has its own `die`.
# shellcheck shell=bash

suite=$1 architecture=$2 apt=$3
for command in apt-get dpkg-deb; do
    command -v "$command" >/dev/null || die "no $command here"
done
keys=/usr/share/keyrings/debian-archive-keyring.gpg
[ -e "$keys" ] || die "no $keys here: install the package debian-archive-keyring"
mkdir -p "$apt/lists/partial" "$apt/archives/partial"
apt=$(cd "$apt" && pwd)
# The mirror that apt has for Debian itself is the one known to be within reach.
# shellcheck disable=SC2016 # apt expands it
mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Identifier: Packages' 'Origin: Debian' 'Label: Debian' \
    'Component: main' 2>/dev/null | grep -E -m1 '^(https?|file):') || die "apt has no mirror of Debian here"
echo "deb [arch=$architecture signed-by=$keys] $mirror $suite main" >"$apt/sources.list"
: >"$apt/status"
apt() {
    local tool=$1
    shift
    "$tool" -q -o Dir::Etc::sourcelist="$apt/sources.list" -o Dir::Etc::sourceparts=/dev/null \
        -o Dir::Etc::preferencesparts=/dev/null -o Dir::State="$apt" -o Dir::State::status="$apt/status" \
        -o Dir::Cache="$apt" -o APT::Architecture="$architecture" -o APT::Architectures="$architecture" \
        -o Acquire::Languages=none -o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false \
        -o APT::Sandbox::User="$(id -un)" "$@"
}
download() { apt apt-get clean && (cd "$apt/archives" && apt apt-get download "$@"); }
# Where there is a link to a folder already, what is of the folder goes there.
unpack() (
    set -e -o pipefail
    mkdir -p "$1"
    for package in "$apt"/archives/*.deb; do
        dpkg-deb --fsys-tarfile "$package" | tar -x --keep-directory-symlink -C "$1"
    done
)
