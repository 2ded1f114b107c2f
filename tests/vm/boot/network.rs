//! The network that `ip=` asks for: a device, its address, the way out and who knows names, on QEMU's own network.

use super::archive::Archive;
use super::vm::{Boot, Image};

super::tests! {
    a_device_gets_what_the_kernels_own_parameter_asks_for,
    the_first_device_reaches_a_gateway_that_is_outside_of_its_network,
    a_device_may_come_late,
    a_device_that_does_not_come_ends_the_machine,
    dhcp_is_left_to_the_image,
}

/// QEMU's: 10.0.2.0/24 and fec0::/64, where the second address answers, and a program answers at 10.0.2.100.
const NETDEV: &str = "user,id=net,guestfwd=tcp:10.0.2.100:80-cmd:echo a word from the host";
const DEVICE: &str = "virtio-net-pci,netdev=net,romfile=";

fn on_a_network(boot: Boot) -> Boot {
    boot.q35().modules().options(&["-netdev", NETDEV, "-device", DEVICE])
}

fn a_device_gets_what_the_kernels_own_parameter_asks_for() {
    const WORDS: &str = "aril.modules=virtio_pci,virtio_net \
        ip=10.0.2.15:192.0.2.9:10.0.2.2:255.255.255.0:box.example.org:eth0:off:10.0.2.3:192.0.2.53:192.0.2.123 \
        ip=[fec0::15]::[fec0::2]:64::eth0:off";
    const SCRIPT: &str = "\
        hostname; cat /proc/sys/kernel/domainname /etc/resolv.conf
        ip -o addr; ip route; ip -6 route
        nc 10.0.2.100 80
        ping -c1 10.0.2.2 >/dev/null && echo the gateway answers
        ping6 -c1 fec0::2 >/dev/null && echo the other gateway answers
        ls -l /proc/1/fd";
    let ended = on_a_network(Boot::with_script(WORDS, SCRIPT)).run();
    ended.exited(0).says_not("aril: note").says_line("box").says_line("example.org");
    ended.says_line("nameserver 10.0.2.3").says_line("nameserver 192.0.2.53");
    ended.says("10.0.2.15/24 brd 10.0.2.255 scope global eth0").says("fec0::15/64 scope site");
    ended.says("default via 10.0.2.2 dev eth0").says("default via fec0::2 dev eth0").says_not("tentative");
    ended.says_line("a word from the host").says_line("the gateway answers").says_line("the other gateway answers");
    // Nothing of it is left with the first process.
    ended.says_not("socket:");
}

/// On a root that cannot be written, with compressed modules.
fn the_first_device_reaches_a_gateway_that_is_outside_of_its_network() {
    const WORDS: &str = "aril.modules=virtio_net aril.hostname=mine root=/dev/nvme0n1 ro \
        ip=10.0.2.15::10.0.2.2:255.255.255.255:theirs:::10.0.2.3";
    const SCRIPT: &str = "\
        hostname; cat /etc/resolv.conf; ip -o addr; ip route
        ping -c1 10.0.2.2 >/dev/null && echo the gateway answers
        echo x >/etc/file || echo it cannot be written";
    let folders = ["/dev", "/proc", "/sys", "/run", "/tmp"];
    let tree = folders.iter().fold(Archive::busybox(), |archive, folder| archive.folder(folder, 0o755));
    let tree = tree.script("/test", SCRIPT).file("/etc/resolv.conf", 0o644, "");
    let boot = on_a_network(Boot::of(&format!("{WORDS} -- /test")).kernel("trixie"));
    let image = boot.image("root", Image::Ext4("16M"), &tree);
    let ended = boot.nvme(&image).run();
    ended.exited(0).says_not("aril: note").says_line("mine").says_line("nameserver 10.0.2.3");
    ended.says("10.0.2.15/32 scope global eth0").says("default via 10.0.2.2 dev eth0 onlink");
    ended.says_line("the gateway answers").says_line("it cannot be written");
}

fn a_device_may_come_late() {
    const WORDS: &str = "aril.modules=virtio_pci,virtio_net rootdelay=50 ip=10.0.2.15:::24";
    let boot = Boot::with_script(WORDS, "ip -o addr").q35().modules().monitor().options(&["-netdev", NETDEV]);
    let boot = boot.options(&["-device", "pcie-root-port,id=free"]);
    let mut vm = boot.start();
    vm.saw("aril: waiting for a network device").monitor(&format!("device_add {DEVICE},bus=free"));
    vm.end().exited(0).says("10.0.2.15/24");
}

fn a_device_that_does_not_come_ends_the_machine() {
    let ended = Boot::of("rootdelay=1 ip=10.0.2.15::::box:eth7:off -- /bin/true").run();
    ended.exited(125).says_line("aril: waiting for eth7").says_line(
        "aril: bring up the network device eth7, waiting at most 1 s for it: \
            it has not come; there are lo: see aril.modules= (ETIMEDOUT)",
    );
}

fn dhcp_is_left_to_the_image() {
    let ended = Boot::of("aril.exittty=/dev/hvc7 ip=dhcp -- /bin/true").run();
    ended.exited(125).says("aril: parameter ip=dhcp: DHCP is left to the image");
}
