//! By proc(5), which says of every socket whose it is.

use std::os::unix::fs::MetadataExt;

use super::Owner;

/// `None`: it cannot be told.
pub fn owner(port: u16) -> Option<Owner> {
    let ours = std::fs::metadata("/proc/self").ok()?.uid();
    let mut owners = Vec::new();
    for table in ["/proc/net/tcp", "/proc/net/tcp6"] {
        // A system without IPv6 has no second table.
        owners.extend(owners_in(&std::fs::read_to_string(table).unwrap_or_default(), port));
    }
    Some(match owners.iter().find(|owner| **owner != ours) {
        Some(stranger) => Owner::Another(format!("uid {stranger}")),
        None if owners.is_empty() => Owner::Nobody,
        None => Owner::Us,
    })
}

/// The users that own a socket which takes connections to `127.0.0.1:port`, from a table of proc(5).
fn owners_in(table: &str, port: u16) -> Vec<u32> {
    const LISTEN: &str = "0A";
    /// `127.0.0.1`, `0.0.0.0`, `::`, `::ffff:127.0.0.1`, `::ffff:0.0.0.0`, as the kernel prints them.
    const ADDRESSES: [&str; 5] = [
        "0100007F",
        "00000000",
        "00000000000000000000000000000000",
        "0000000000000000FFFF00000100007F",
        "0000000000000000FFFF000000000000",
    ];
    let port = format!("{port:04X}");
    let owner = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let (address, listens_on) = fields.get(1)?.split_once(':')?;
        let takes_ours = fields.get(3) == Some(&LISTEN) && listens_on == port && ADDRESSES.contains(&address);
        if takes_ours { fields.get(7)?.parse().ok() } else { None }
    };
    table.lines().filter_map(owner).collect()
}
